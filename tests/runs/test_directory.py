"""Reading a run directory back, sound or harmed, and what result.json says."""

from __future__ import annotations

import json
import resource
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.data.storage import beside
from ridge_spark.errors import InputError
from ridge_spark.runs.directory import (
    read_run,
    read_statistics,
    require_free,
    write_run,
)
from ridge_spark.runs.result import Approximation, Mpi, Result
from ridge_spark.runs.result_page import page
from tests.support import ROOT, SMALL_NAMES

HASH = "0" * 64


def change(**values: object) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        result = json.loads((run / "result.json").read_text())
        (run / "result.json").write_text(json.dumps(result | values))

    return harm


def without(key: str) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        result = json.loads((run / "result.json").read_text())
        del result[key]
        (run / "result.json").write_text(json.dumps(result))

    return harm


def text(content: str) -> Callable[[Path], None]:
    return lambda run: (run / "result.json").write_text(content) and None


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda run: (run / "result.json").unlink(), "not a run directory"),
        (lambda run: (run / "result.json").write_bytes(b"\xff"), "not a result of this program"),
        (text("{"), "not a result of this program"),
        (text("[1]"), "not an object"),
        (text("{}"), "it has format 1, this program reads 2"),
        (text("[" * 100_000), "not a result of this program"),
        (text(" " * (64 * 2**20 + 1)), "far too large"),
        (without("engine"), "'engine' is missing"),
        (without("model_sha256"), "'model_sha256' is missing"),
        (change(format_version=3), "it has format 3"),
        (change(lambdas=[1, 2]), "do not fit together"),
        (change(lambdas=[-1, 100, 10000]), "a λ is below 0"),
        (change(lambdas=[float("nan"), 100, 10000]), "'lambdas' is not a number"),
        (change(lambdas=[1, 100, 10**400]), "not a result of this program"),
        (change(lambdas=[1, 100, 1e101]), "a λ is too large"),
        (change(lambdas=[1, 2, 100], best_lambda=2), "do not belong together"),
        (change(gcv=[1, float("inf"), 1]), "'gcv' is not a number"),
        (change(best_lambda=0.5), "do not fit together"),
        (change(confusion=[["a"]]), "'confusion' is not an integer"),
        (change(confusion=[[1, 2], [3, 4]]), "do not fit together"),
        (change(confusion=[[1001, 0, 0], [0, -1, 0], [0, 0, 0]]), "do not fit together"),
        (change(confusion=[[0] * 3] * 3), "do not fit together"),
        (change(test_accuracy=0.123), "do not fit together"),
        (change(statistics_sha256="A" * 64), "'statistics_sha256' is not 64 hexadecimal digits"),
        (change(model_sha256="<script>"), "'model_sha256' is not 64 hexadecimal digits"),
        (change(seconds={}), "do not fit together"),
        (change(seconds={"total": "long"}), "'seconds.total' is not a number"),
        (change(n_test="many"), "'n_test' is not an integer"),
        (change(n_test=True), "'n_test' is not an integer"),
        (change(n_train=-1), "below"),
        (change(workers=0), "below"),
        (change(runtime="abacus"), "'runtime'"),
        (change(whole_x=1), "'whole_x' is not true or false"),
        (change(stages=[{"stage": "a"}]), "'start' is missing"),
        (change(stages=[{"stage": "a", "start": 2, "end": 1}]), "ends before it begins"),
        (change(tasks=[1]), "'tasks' is not an object"),
        (change(warnings="none"), "'warnings' is not a list"),
        (change(dataset="\ud800"), "not a result of this program"),
        (change(warnings=["\udcff"]), "not a result of this program"),
        (change(update={"run": "x"}), "'statistics_sha256' is missing"),
        (change(classes=["a", "b", "c"]), "do not belong together"),
        (change(model_sha256=HASH), "do not belong together"),
        (lambda run: (run / "model.safetensors").write_bytes(b"?"), "model.safetensors"),
        (lambda run: (run / "model.safetensors").unlink(), "model.safetensors"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(
    small_runs: Path, tmp_path: Path, harm: Callable[[Path], None], told: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_runs / "trained", run)
    (run / "manifest.json").unlink()  # which would tell first, and only, that there is some harm
    harm(run)
    with pytest.raises(InputError, match=told) as refused:
        read_run(str(run))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500
    assert str(run) in str(refused.value)


def test_statistics_of_another_run_are_refused(small_runs: Path, tmp_path: Path) -> None:
    result = read_run(str(small_runs / "trained")).result
    assert read_statistics(str(small_runs / "trained"), result).n == result.n_train == 2000
    with pytest.raises(InputError, match="of another run"):
        read_statistics(str(small_runs / "updated"), result)


@pytest.mark.parametrize("name", ["trained", "updated"])
def test_a_result_is_what_its_file_says(small_runs: Path, name: str) -> None:
    written = json.loads((small_runs / name / "result.json").read_text())
    result = read_run(str(small_runs / name)).result
    assert result.to_json() == written
    assert written["format_version"] == 2
    assert ("update" in written) == (name == "updated")
    assert "mpi" not in written


def test_what_only_some_runs_have_is_read_back(small_runs: Path) -> None:
    result = replace(
        read_run(str(small_runs / "updated")).result,
        combine="average",
        mpi=Mpi("MPICH", 1, (1.0, 2.0), (0.5, 0.25), 3.0, 0.0),
        approximation=Approximation(1.0, None, None),
    )
    written: Any = json.loads(json.dumps(result.to_json()))
    assert written["update"]["lambda"] == "kept from the run"
    assert Result.from_json(written) == result


def test_keys_of_a_later_program_are_ignored(small_runs: Path) -> None:
    result = read_run(str(small_runs / "trained")).result
    assert Result.from_json(result.to_json() | {"something new": 1}) == result


def test_the_means_are_those_of_the_training_images(small_runs: Path, small_data: Path) -> None:
    blocks = list(read_blocks(open_split(str(small_data), "train").limited(2000).blocks))
    images = np.concatenate([block.images for block in blocks])
    labels = np.concatenate([block.labels for block in blocks])
    means = read_run(str(small_runs / "trained"), means=True).means
    assert means is not None
    for number in range(len(SMALL_NAMES)):
        np.testing.assert_allclose(means[number], images[labels == number].mean(axis=0))


def test_the_page_about_result_json_is_made_from_the_code() -> None:
    assert (ROOT / "docs" / "result.md").read_text() == page(), (
        "run: python -m ridge_spark.runs.result_page > docs/result.md"
    )


class TestWriting:
    """The path to the result is tried before the work, and a finished run is never lost."""

    @pytest.mark.parametrize("out", ["x" * 245, "link", "file/run"])
    def test_what_can_t_be_written_is_refused_before_the_work(self, out, tmp_path):
        (tmp_path / "link").symlink_to("nowhere")
        (tmp_path / "file").touch()
        before = sorted(tmp_path.iterdir())
        with pytest.raises(InputError, match=r"--out .*"):
            require_free(str(tmp_path / out))
        assert sorted(tmp_path.iterdir()) == before

    def test_a_stale_folder_of_a_killed_run_is_left_alone(self, small_runs, tmp_path):
        finished = read_run(str(small_runs / "trained"))
        stale = Path(beside(str(tmp_path / "out")))
        stale.mkdir()
        statistics = read_statistics(str(small_runs / "trained"), finished.result)
        write_run(str(tmp_path / "out"), finished.result, finished.model, statistics)
        assert read_run(str(tmp_path / "out")).result == finished.result
        assert stale.is_dir()

    def test_a_run_that_can_t_be_written_after_all_is_kept_elsewhere(
        self, small_runs, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "of_someone_else").touch()
        finished = read_run(str(small_runs / "trained"))
        statistics = read_statistics(str(small_runs / "trained"), finished.result)
        with pytest.raises(InputError, match="the run is kept in") as told:
            write_run(str(tmp_path / "out"), finished.result, finished.model, statistics)
        (kept,) = tmp_path.glob("ridge-spark-run-*")
        assert str(kept) in str(told.value)
        assert read_run(str(kept)).result == finished.result

    def test_a_page_for_which_there_is_no_room_costs_no_run(self, small_runs, tmp_path, caplog):
        finished = read_run(str(small_runs / "trained"))
        statistics = read_statistics(str(small_runs / "trained"), finished.result)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
        try:
            page = "x" * 2**21
            write_run(str(tmp_path / "out"), finished.result, finished.model, statistics, page)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "report.html could not be written (" in caplog.text
        assert not (tmp_path / "out" / "report.html").exists()
        assert read_run(str(tmp_path / "out")).result == finished.result
