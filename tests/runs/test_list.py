"""`ridge-spark list` shows runs as their result.json have them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

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


def test_a_narrow_terminal_gets_two_lines_for_a_run(small_runs, environment):
    """And what is not a terminal one, however narrow that would be."""
    command = [sys.executable, "-m", "ridge_spark", "list", "."]
    settings = {**environment, "COLUMNS": "80"}
    main, other = pty.openpty()
    with os.fdopen(main, "rb") as shown, os.fdopen(other, "wb") as terminal:
        subprocess.run(command, cwd=small_runs, env=settings, stdout=terminal, check=True)
        lines = os.read(shown.fileno(), 10_000).decode().splitlines()
    assert len(lines) == 2 * 3
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[:2] == ["features", "λ"]
    piped = subprocess.run(command, cwd=small_runs, env=settings, check=True, capture_output=True,
                           text=True)  # fmt: skip
    assert len(piped.stdout.splitlines()) == 3
    assert piped.stdout.split() == " ".join(lines).split()


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
