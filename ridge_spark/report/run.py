"""A finished run as the page needs it: its result, its model and the mean image of each class."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.runs.training import Training

MOST_BYTES = 64 * 2**20  # of a result.json; a real one has a few thousand
NEEDED: dict[str, type | tuple[type, ...]] = {
    "engine": str,
    "dataset": str,
    "n_train": int,
    "n_validation": int,
    "n_test": int,
    "d": int,
    "classes": list,
    "lambdas": list,
    "validation_accuracy": list,
    "gcv": list,
    "best_lambda": (int, float),
    "confusion": list,
    "statistics_sha256": str,
    "model_sha256": str,
    "solver": str,
    "seed": int,
    "workers": int,
    "threads": int,
    "peak_rss_mb": (int, float),
    "seconds": dict,
    "versions": dict,
}
# What an engine may not know, and how that is said.
OPTIONAL: dict[str, Any] = {
    "folds": 1,
    "blocks": 0,
    "stages": [],
    "tasks": [],
    "started": "",
    "command": "",
    "warnings": [],
}


@dataclass(frozen=True)
class Run:
    """One run.

    name    tells it from others on the same page
    result  the contents of result.json
    means   (k, d) float64, the mean training image of each class; None where not known
    """

    name: str
    result: dict[str, Any]
    model: Model
    means: NDArray[np.float64] | None

    @classmethod
    def of(cls, result: dict[str, Any], training: Training) -> Self:
        """A run that is still in memory."""
        statistics = training.statistics
        means = statistics.sums / statistics.counts[:, None]
        return cls(_last_part(result["dataset"]), result, training.model, means)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A run directory; `InputError` if it isn't one."""
        if not (folder / "result.json").is_file():
            raise InputError(
                f"{folder}: not a run directory on this machine (no result.json in it); "
                "give the --out of a training run"
            )
        result = _read_result(folder / "result.json")
        model = Model.load(folder / "model.safetensors")
        if list(model.class_names) != result["classes"]:
            raise InputError(f"{folder}: its model and its result.json do not belong together")
        name = folder.resolve().name
        return cls(name, result, model, _read_means(folder / "statistics.safetensors", model))

    @classmethod
    def load_all(cls, folders: Sequence[Path]) -> list[Self]:
        """Several run directories; those of the same name get a longer one each."""
        runs = [cls.load(folder) for folder in folders]
        often = Counter(run.name for run in runs)
        return [
            replace(run, name=str(folder)) if often[run.name] > 1 else run
            for run, folder in zip(runs, folders, strict=True)
        ]

    @property
    def dataset(self) -> str:
        """The data set's own name, without where it is."""
        return _last_part(self.result["dataset"])

    @property
    def confusion(self) -> NDArray[np.int64]:
        return np.array(self.result["confusion"], np.int64)

    @property
    def total_seconds(self) -> float:
        return float(self.result["seconds"]["total"])


def _last_part(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2] or address


def _read_result(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: far too large for a result of this program")
    try:
        result = OPTIONAL | json.loads(path.read_text("utf-8"))
        for key, kind in NEEDED.items():
            if not isinstance(result[key], kind):
                raise ValueError(f"'{key}' is not what it should be")
        k, L = len(result["classes"]), len(result["lambdas"])
        fits = (
            len(result["gcv"]) == len(result["validation_accuracy"]) == L
            and np.array(result["confusion"], np.int64).shape == (k, k)
            and result["best_lambda"] in result["lambdas"]
            and "total" in result["seconds"]
        )
        if not fits:
            raise ValueError("the values in it do not fit together")
        spans = (*result["stages"], *result["tasks"])
        if not all(span["stage"] and span["start"] <= span["end"] for span in spans):
            raise ValueError("a stage or task in it ends before it begins")
        return _without_report(result)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not a result of this program ({error}); train again") from error


def _without_report(result: dict[str, Any]) -> dict[str, Any]:
    """As it was when the page was drawn first: the time for drawing is not the run's own."""
    seconds = dict(result["seconds"])
    seconds["total"] -= seconds.pop("report", 0.0)
    stages = [stage for stage in result["stages"] if stage["stage"] != "report"]
    return result | {"seconds": seconds, "stages": stages}


def _read_means(path: Path, model: Model) -> NDArray[np.float64] | None:
    """The means from the statistics of the run, without reading X'X, which may be large."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            counts, sums = file.get_tensor("counts"), file.get_tensor("sums")
    except (SafetensorError, OSError):
        return None
    fits = sums.shape == model.coef.shape and counts.shape == (len(sums),) and counts.min() > 0
    return sums / counts[:, None] if fits else None
