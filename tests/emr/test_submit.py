"""Jobs on a cluster, from the command line to the result, run by a real Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ridge_spark.engines.options import TrainOptions, make_folds
from ridge_spark.engines.run import run as train
from tests.emr.conftest import SPARKS, Cli
from tests.emr.step_runner import StepRunner

FAST = ("--poll", "0.2", "--log-wait", "20")


@pytest.mark.parametrize("runner", SPARKS, indirect=True)
@pytest.mark.parametrize("job", ["outer", "inner"])
def test_a_job_gives_the_same_bits_as_this_machine(
    cli: Cli, runner: StepRunner, images: Path, job: str, tmp_path: Path
) -> None:
    done = cli(
        "submit", job, "--data", str(images), *FAST, "--", "--folds", "3", "--lambdas", "0,1"
    )
    (folder,) = (tmp_path / "runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    options = TrainOptions(str(images), str(tmp_path / "here"), (0.0, 1.0), make_folds(None, 3, 0))
    here = train("local", options)
    same = ("statistics_sha256", "model_sha256", "validation_accuracy", "confusion")
    assert {key: result[key] for key in same} == {key: here[key] for key in same}
    assert result["engine"] == job
    assert (folder / "model.safetensors").is_file()
    assert f"{result['test_accuracy']:.4f}" in done.stdout
