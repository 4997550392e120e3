"""A model of the time of an MPI run against ranks, threads, images and pixels, fitted to runs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hybrid_runs import Results, seconds
from numpy.typing import NDArray
from scipy.optimize import nnls

TERMS = ("compute", "memory", "solve", "reduce", "fixed")


def terms(ranks: int, threads: int, n: int, d: int, systems: int) -> NDArray[np.float64]:
    """What each coefficient is multiplied with.

        compute   n d² / (ranks · threads)     the products of X'X
        memory    n d / ranks                  the images, read and passed over
        solve     ⌈systems / ranks⌉ d³         factorisations, each on one rank
        reduce    systems d² ⌈log₂ ranks⌉      the statistics, summed over the ranks
        fixed     1

    in units that make the coefficients seconds for a MNIST-like problem on one core.
    """
    return np.array(
        [
            n / 60_000 * (d / 784) ** 2 / (ranks * threads),
            n / 60_000 * (d / 784) / ranks,
            math.ceil(systems / ranks) * (d / 784) ** 3,
            systems * (d / 784) ** 2 * math.ceil(math.log2(ranks)),
            1.0,
        ]
    )


def fit(runs: Results) -> dict[str, Any]:
    """Coefficients, all 0 or more, by least squares of the relative error; and that error."""
    rows = np.array(
        [
            terms(run["workers"], run["threads"], run["n_train"], run["d"], run["folds"] + 1)
            for run in runs
        ]
    )
    times = np.array([seconds(run) for run in runs])
    coefficients, _ = nnls(rows / times[:, None], np.ones(len(times)))
    errors = np.abs(rows @ coefficients / times - 1)
    return {
        "coefficients": dict(zip(TERMS, coefficients.tolist(), strict=True)),
        "points": len(runs),
        "median_error": float(np.median(errors)),
        "largest_error": float(errors.max()),
    }


def predict(model: dict[str, Any], ranks: int, threads: int, n: int, d: int, systems: int) -> float:
    """Seconds by the model."""
    coefficients = np.array(list(model["coefficients"].values()))
    return float(terms(ranks, threads, n, d, systems) @ coefficients)
