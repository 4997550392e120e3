"""`--mlflow` logs a run to a store; a store that can't be had is told before the work begins."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest

from ridge_spark.commands.outcome import tell_outcome
from ridge_spark.runs.directory import read_result
from tests.support import assert_refused, give_up


@pytest.fixture
def store(environment, tmp_path):
    """The environment with a store of files, and a client of it."""
    try:
        from mlflow import MlflowClient
    except ModuleNotFoundError:
        give_up("no mlflow-skinny: make setup")
    uri = (tmp_path / "store").as_uri()
    settings = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": "digits",
                "MLFLOW_ALLOW_FILE_STORE": "true"}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield {**environment, **settings}, MlflowClient(uri)


def test_a_run_is_there_with_its_files(ridge_spark, small_data, tmp_path, store):
    environment, client = store
    options = ("--limit", 900, "--lambdas", "1,100", "--mlflow", "--json")
    done = ridge_spark("train", "--data", small_data, "--out", "runs/a", *options, env=environment)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (experiment,) = client.search_experiments(filter_string="name = 'digits'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "a"
    assert run.info.status == "FINISHED"
    assert run.data.params["n_train"] == "900"
    assert float(run.data.params["best_lambda"]) == result["best_lambda"]
    assert run.data.metrics["test_accuracy"] == result["test_accuracy"]
    assert run.data.metrics["seconds.statistics"] == result["seconds"]["statistics"]
    assert run.data.tags["model_sha256"] == result["model_sha256"]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {path.name for path in (tmp_path / "runs" / "a").iterdir()}

    refused = {**environment, "MLFLOW_ALLOW_FILE_STORE": "false"}
    done = ridge_spark("train", "--data", small_data, "--out", "b", "--mlflow", env=refused)
    assert_refused(done, "--mlflow: the store can't be reached")
    assert not (tmp_path / "b").exists()


def test_a_store_that_fails_after_the_run_is_a_warning(
    ridge_spark, small_data, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("mlflow")
    out = tmp_path / "run"
    ridge_spark("train", "--data", small_data, "--limit", 900, "--out", out, "--no-report")
    (tmp_path / "store").write_text("a file where the folder should be")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tell_outcome(Namespace(mlflow=True, json=True, out=str(out)), read_result(out / "result.json"))
    told = capsys.readouterr()
    assert told.err.startswith("warning: the run is written, but not in MLflow (")
    assert told.err.count("\n") == 1
    assert json.loads(told.out)["n_train"] == 900
