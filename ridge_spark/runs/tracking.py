"""A finished run as a run of MLflow: its parameters, metrics and files."""

from __future__ import annotations

import os
from typing import Any

from ridge_spark.data.storage import one_line
from ridge_spark.errors import InputError
from ridge_spark.extras import explain_missing
from ridge_spark.runs import manifest
from ridge_spark.runs.directory import MODEL, REPORT, RESULT, STATISTICS, open_file
from ridge_spark.runs.result import Result

PARAMETERS = ("dataset", "engine", "spec", "solver", "seed", "folds", "best_lambda", "d", "n_train",
              "n_validation", "n_test", "workers", "threads")  # fmt: skip
TAGS = ("command", "statistics_sha256", "model_sha256", "features_sha256")


def require_mlflow() -> None:
    """`InputError` unless MLflow is installed and its store answers; where that is, it knows.

    To be called before hours of work: it reads MLFLOW_TRACKING_URI.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # no git is no warning of ours
    try:
        from mlflow import MlflowClient

        MlflowClient().search_experiments(max_results=1)
    except ModuleNotFoundError as error:
        raise InputError(f"--mlflow: {explain_missing(error) or one_line(error)}") from error
    except Exception as error:  # whatever a store of anybody's raises
        raise InputError(
            f"--mlflow: the store can't be reached ({one_line(error)}); set MLFLOW_TRACKING_URI"
        ) from error


def log_run(out: str, result: Result) -> None:
    """Log the run in the directory `out` to the store, in the experiment MLFLOW_EXPERIMENT_NAME."""
    import mlflow

    name = out.rstrip("/").rpartition("/")[2]
    with mlflow.start_run(run_name=name):
        mlflow.log_params({key: getattr(result, key) for key in PARAMETERS})
        mlflow.set_tags({key: getattr(result, key) for key in TAGS if getattr(result, key)})
        mlflow.log_metrics(_metrics(result))
        for file in (RESULT, MODEL, STATISTICS, REPORT, manifest.NAME):
            try:
                with open_file(f"{out.rstrip('/')}/{file}", file) as path:
                    mlflow.log_artifact(str(path))
            except InputError:  # a page that was not drawn
                continue


def _metrics(result: Result) -> dict[str, float]:
    found: dict[str, Any] = {
        "validation_accuracy": result.best_accuracy,
        "test_accuracy": result.test_accuracy,
        "peak_rss_mb": result.peak_rss_mb,
        "gcv": result.gcv[result.best],
        **{f"seconds.{stage}": seconds for stage, seconds in result.seconds.items()},
    }
    if result.n_test:
        found["test_accuracy_low"], found["test_accuracy_high"] = result.metrics.interval
    return {key: float(value) for key, value in found.items() if value is not None}
