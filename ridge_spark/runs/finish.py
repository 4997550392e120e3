"""What every run does at its end, a training or an update: say what it ran on, draw, write."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

import ridge_spark
from ridge_spark.data.storage import one_line
from ridge_spark.engines.engine import Engine
from ridge_spark.extras import explain_missing
from ridge_spark.model import Model
from ridge_spark.progress import Progress
from ridge_spark.ridge.calibration import Reliability
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.metrics import Metrics
from ridge_spark.ridge.selection import Tested
from ridge_spark.runs.class_weights import images_of
from ridge_spark.runs.directory import AnyStatistics, Run, write_run
from ridge_spark.runs.result import Calibration, Result, StageRecord, TaskRecord

Draw = Callable[[Run], str]

PACKAGES = ("numpy", "scipy", "numba", "pyarrow")


def finish(
    out: str,
    result: Result,
    model: Model,
    statistics: AnyStatistics,
    draw: Draw | None,
    progress: Progress,
) -> Result:
    """Tell the warnings, draw report.html, write the run directory; returns what is in it.

    By now the model has been found: whatever goes wrong in drawing must not lose it.
    """
    for warning in result.warnings:
        progress.say(f"warning: {warning}")
    page = _drawn(draw, result, model, statistics, progress) if draw else None
    result = replace(result, **times(progress))
    write_run(out, result, model, statistics, page)
    return result


def _drawn(
    draw: Draw, result: Result, model: Model, statistics: AnyStatistics, progress: Progress
) -> str | None:
    try:
        with progress.stage("report"):
            means = statistics.sums / statistics.counts[:, None]
            return draw(Run(result.dataset_name, result, model, means))
    except Exception as error:
        reason = explain_missing(error) or f"{type(error).__name__}: {one_line(error)}"
        progress.say(
            f"warning: no report.html ({reason}); "
            "where that is put right, draw it with: ridge-spark report RUN"
        )
        return None


def found(
    model: Model,
    statistics: AnyStatistics,
    gcv: Float,
    tested: Tested,
    weights: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Those fields of a `Result` that the model and its test give; `weights` are of its classes."""
    metrics = Metrics.of(tested.confusion)
    return {
        "n_train": int(images_of(statistics.counts, weights).sum()),
        "n_test": metrics.n,
        "d": statistics.d,
        "classes": model.class_names,
        "gcv": tuple(value if np.isfinite(value) else None for value in gcv.tolist()),
        "best_lambda": model.lam,
        "test_accuracy": metrics.accuracy if metrics.n else None,
        "confusion": tuple(map(tuple, tested.confusion.tolist())),
        "statistics_sha256": statistics.sha256(),
        "model_sha256": model.sha256(),
        "spec": model.spec,
        "features_sha256": model.features_sha256,
        "balanced_accuracy": metrics.balanced_accuracy if metrics.n else None,
        "class_weight": weights and dict(zip(model.class_names, weights, strict=True)),
        "temperature": model.temperature,
        "calibration": Calibration.of(Reliability(tested.reliability)),
    }


def ran_on(engine: Engine) -> dict[str, Any]:
    """Those fields of a `Result` that an engine knows; under MPI, a collective call."""
    return {
        "engine": engine.name,
        "runtime": engine.runtime,
        "whole_x": engine.whole_x,
        "workers": engine.workers,
        "threads": engine.threads,
        "peak_rss_mb": round(engine.peak_rss_mb(), 1),
        "blocks": len(engine.train.blocks),
        "versions": _versions(),
    }


def times(progress: Progress) -> dict[str, Any]:
    """Those fields of a `Result` that say when what was done."""
    return {
        "seconds": {**progress.seconds, "total": progress.total},
        "started": datetime.fromtimestamp(progress.began, UTC).isoformat(timespec="seconds"),
        "stages": tuple(
            StageRecord(stage.name, round(stage.start, 4), round(stage.end, 4))
            for stage in progress.stages
        ),
        "tasks": tuple(
            TaskRecord(
                task.stage,
                round(task.start - progress.began, 4),
                round(task.end - progress.began, 4),
                task.worker,
                round(task.peak_rss_mb, 1),
            )
            for task in progress.tasks
        ),
    }


def _versions() -> dict[str, str]:
    found = {
        "ridge_spark": ridge_spark.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    packages = (*PACKAGES, "pyspark") if "pyspark" in sys.modules else PACKAGES
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # on a path of its own, as Spark puts pyspark
            found[package] = getattr(sys.modules.get(package), "__version__", "unknown")
    return found
