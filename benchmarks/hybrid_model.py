"""A model of the time of an MPI run against nodes, ranks, threads, images and pixels."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from hybrid_runs import Results, seconds
from numpy.typing import NDArray
from scipy.optimize import nnls

TERMS = ("compute", "pass", "read", "solve", "reduce", "fixed")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """What the time of a run depends on."""

    mode: str
    nodes: int
    ranks: int
    threads: int
    images: int
    pixels: int
    systems: int

    @classmethod
    def of(cls, run: dict[str, Any]) -> Point:
        return cls(
            run["engine"].removeprefix("mpi-"), run["mpi"]["nodes"], run["workers"],
            run["threads"], run["n_train"], run["d"], run["folds"] + 1,
        )  # fmt: skip

    def terms(self) -> list[float]:
        """What each coefficient is multiplied with: n images of d pixels on w = ranks · threads.

            compute   n d² / w             the products of X'X
            pass      n d / w              images packed and scored
            read      n d / readers        images from disk: by all ranks; all by each node in the
                                           model mode
            solve     ⌈systems / w⌉ d³     factorisations
            reduce    systems d² ⌈log₂ ranks⌉
            fixed     1

        in units that make the coefficients seconds for MNIST on one core.
        """
        n, d = self.images / 60_000, self.pixels / 784
        workers = self.ranks * self.threads
        readers = self.ranks / self.nodes if self.mode == "model" else self.ranks
        return [
            n * d**2 / workers,
            n * d / workers,
            n * d / readers,
            math.ceil(self.systems / workers) * d**3,
            self.systems * d**2 * math.ceil(math.log2(self.ranks)),
            1.0,
        ]


def fit(runs: Results) -> dict[str, Any]:
    """Coefficients, all 0 or more, by least squares of the relative error of each point's median.

    Besides the error on these points, that on each of them by a fit to all the others.
    """
    times = defaultdict(list)
    for run in runs:
        times[Point.of(run)].append(seconds(run))
    rows = np.array([point.terms() for point in times])
    medians = np.array([statistics.median(repeats) for repeats in times.values()])
    coefficients = _fitted(rows, medians)
    errors = np.abs(rows @ coefficients / medians - 1)
    others = [np.arange(len(rows)) != i for i in range(len(rows))]
    unseen = [
        abs(rows[i] @ _fitted(rows[rest], medians[rest]) / medians[i] - 1)
        for i, rest in enumerate(others)
    ]
    return {
        "coefficients": dict(zip(TERMS, coefficients.tolist(), strict=True)),
        "points": len(rows),
        "median_error": float(np.median(errors)),
        "largest_error": float(errors.max()),
        "median_error_unseen": float(np.median(unseen)),
    }


def predict(model: dict[str, Any], point: Point) -> float:
    """Seconds by the model."""
    return float(np.dot(point.terms(), list(model["coefficients"].values())))


def _fitted(rows: Floats, times: Floats) -> Floats:
    return nnls(rows / times[:, None], np.ones(len(times)))[0]
