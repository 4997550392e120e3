"""`ridge-spark list` shows runs as their result.json have them."""

from __future__ import annotations

import json

from tests.support import assert_refused


def test_a_row_for_each_run_of_a_folder(ridge_spark, small_data, tmp_path):
    for name, more in {"b": ["--limit", 500], "a": []}.items():
        done = ridge_spark("train", "--data", small_data, "--out", f"runs/{name}", *more)
        assert done.returncode == 0, done.stderr
    (tmp_path / "runs" / "notes").mkdir()
    done = ridge_spark("list")
    assert done.returncode == 0, done.stderr
    titles, *rows = done.stdout.splitlines()
    assert titles.split() == ["run", "data", "images", "engine", "features", "λ", "test",
                              "accuracy", "95%", "interval", "seconds"]  # fmt: skip
    assert [row.split()[:4] for row in rows] == [
        ["runs/a", "data", "9,000", "local"], ["runs/b", "data", "500", "local"],
    ]  # fmt: skip
    for row in rows:
        result = json.loads((tmp_path / row.split()[0] / "result.json").read_text())
        assert f"{result['best_lambda']:.5g}  " in row
        assert f"  {result['test_accuracy']:.4f}  " in row
    one = ridge_spark("list", "runs/b")
    assert one.stdout.splitlines()[1].split() == rows[1].split()


def test_what_is_no_run_is_refused(ridge_spark, small_data, tmp_path):
    assert_refused(ridge_spark("list", "nowhere"), "nowhere: neither a run nor")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text("{}")
    assert_refused(ridge_spark("list", "run"), "run/result.json")


def test_a_run_that_cannot_be_read_does_not_hide_the_others(ridge_spark, small_data, tmp_path):
    done = ridge_spark("train", "--data", small_data, "--out", "runs/a", "--limit", 500)
    assert done.returncode == 0, done.stderr
    (tmp_path / "runs" / "old").mkdir()
    (tmp_path / "runs" / "old" / "result.json").write_text('{"format_version": 1}')
    done = ridge_spark("list")
    assert done.returncode == 0
    assert [row.split()[0] for row in done.stdout.splitlines()] == ["run", "runs/a"]
    assert done.stderr.startswith("left out: runs/old/result.json: ")
