"""The run directory: result.json, model, statistics and report, written all or nothing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

import ridge_spark
from ridge_spark.data.storage import exists, is_local, locate, one_line, upload, without_secrets
from ridge_spark.engines.engine import Engine
from ridge_spark.errors import InputError
from ridge_spark.extras import explain_missing
from ridge_spark.progress import Progress
from ridge_spark.ridge.centring import Float
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.training import Training

Draw = Callable[[dict[str, Any], Training], str]

PACKAGES = ("numpy", "scipy", "numba", "pyarrow")


def require_free(out: str) -> None:
    """`InputError` unless a run can be written to `out`; nothing there is ever replaced."""
    if exists(out):
        raise InputError(f"--out {out}: exists already; choose another or remove it first")
    if is_local(out):
        parent = next(folder for folder in Path(locate(out)[1]).parents if folder.exists())
        try:
            tempfile.TemporaryFile(dir=parent).close()
        except OSError as error:
            raise InputError(f"--out {out}: can't be written ({one_line(error)})") from error


def describe(
    engine: Engine, training: Training, options: TrainOptions, progress: Progress
) -> dict[str, Any]:
    """The contents of result.json."""
    confusion = training.confusion
    tested = int(confusion.sum())
    return {
        "engine": engine.name,
        "dataset": without_secrets(options.data),
        "n_train": training.statistics.n,
        "n_validation": training.n_validation,
        "n_test": tested,
        "d": training.statistics.d,
        "classes": list(training.model.class_names),
        "lambdas": list(options.lambdas),
        "validation_accuracy": _or_null(training.validation_accuracy),
        "gcv": _or_null(training.gcv),
        "best_lambda": options.lambdas[training.best],
        "test_accuracy": int(confusion.trace()) / tested if tested else None,
        "confusion": confusion.tolist(),
        "statistics_sha256": training.statistics.sha256(),
        "model_sha256": training.model.sha256(),
        "solver": training.solver,
        "seed": options.folds.seed,
        "workers": engine.workers,
        "threads": engine.threads,
        "peak_rss_mb": round(engine.peak_rss_mb(), 1),
        **_times(progress),
        "folds": options.folds.held_out,
        "blocks": training.blocks,
        "command": without_secrets(options.command),
        "versions": _versions(),
        "warnings": list(training.warnings),
    }


def _or_null(values: Float) -> list[float | None]:
    """For JSON, which has no number for what is not defined."""
    return [value if np.isfinite(value) else None for value in values.tolist()]


def draw_page(
    draw: Draw, result: dict[str, Any], training: Training, progress: Progress
) -> str | None:
    """The text of report.html, or None if it can't be drawn; notes in `result` how long it took.

    By now the model has been found: whatever goes wrong here must not lose it.
    """
    page = None
    try:
        with progress.stage("report"):
            page = draw(result, training)
    except Exception as error:
        reason = explain_missing(error) or f"{type(error).__name__}: {one_line(error)}"
        progress.say(
            f"warning: no report.html ({reason}); "
            "where that is put right, draw it with: ridge-spark report RUN"
        )
    result.update(_times(progress))
    return page


def write_run(
    out: str, result: dict[str, Any], training: Training, page: str | None = None
) -> None:
    """Write the run directory beside `out`, then rename it (or upload it, if `out` is remote)."""
    if not is_local(out):
        with tempfile.TemporaryDirectory() as folder:
            _write_files(Path(folder), result, training, page)
            upload(Path(folder), out, last="result.json")
        return
    target = Path(locate(out)[1])
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        _write_files(partial, result, training, page)
        partial.rename(target)
    except (OSError, SafetensorError) as error:
        raise InputError(f"--out {out}: can't be written ({one_line(error)})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_files(
    folder: Path, result: dict[str, Any], training: Training, page: str | None
) -> None:
    training.model.save(folder / "model.safetensors")
    training.statistics.save(folder / "statistics.safetensors")
    (folder / "result.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    if page is not None:
        report = folder / "report.html"
        try:
            report.write_text(page, "utf-8")
        except OSError as error:  # the page can be drawn again, the run can't be had again
            report.unlink(missing_ok=True)
            print(f"warning: no report.html ({one_line(error)})", file=sys.stderr)
    mode = (folder / "result.json").stat().st_mode
    for path in folder.iterdir():  # safetensors lets nobody else read what it writes
        path.chmod(mode)


def _times(progress: Progress) -> dict[str, Any]:
    """`seconds` in each stage; all stages and tasks from `started` on, for a time line."""
    return {
        "seconds": {**progress.seconds, "total": progress.total},
        "started": datetime.fromtimestamp(progress.began, UTC).isoformat(timespec="seconds"),
        "stages": [
            {"stage": stage.name, "start": round(stage.start, 4), "end": round(stage.end, 4)}
            for stage in progress.stages
        ],
        "tasks": [
            {
                "stage": task.stage,
                "worker": task.worker,
                "start": round(task.start - progress.began, 4),
                "end": round(task.end - progress.began, 4),
                "peak_rss_mb": round(task.peak_rss_mb, 1),
            }
            for task in progress.tasks
        ],
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
