"""What an engine is to a run: who visits the blocks, and solves on the processors there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.model import Model
from ridge_spark.ridge.centring import Float, centre
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import solve_systems
from ridge_spark.ridge.statistics import Statistics


class Engine(Protocol):
    """Visits the blocks of the training and test images; knows no mathematics of its own."""

    name: str
    workers: int
    threads: int  # of each worker

    def statistics(self, folds: Folds) -> list[Statistics]:
        """Pass one over the training images: the statistics of each group."""

    def solve(self, fitted_on: Sequence[Statistics], lambdas: Float, solver: str) -> list[Solution]:
        """Solve the centred system of each, the last of them of all images, for every λ."""

    def score(self, folds: Folds, candidates: Mapping[int, Weights]) -> NDArray[np.int64]:
        """Pass two: correct held-out images of each group and candidate, (held-out groups, L)."""

    def confusion(self, model: Model) -> NDArray[np.int64]:
        """Test images by class and predicted class."""

    def peak_rss_mb(self) -> float:
        """Most memory any Python process of the run has used so far, in MiB."""


def solve_here(
    fitted_on: Sequence[Statistics], lambdas: Float, solver: str, threads: int
) -> list[Solution]:
    """Solve the system of each statistics in this process, on `threads` threads in all."""
    systems = [partial(centre, statistics) for statistics in fitted_on]
    return solve_systems(systems, fitted_on[0].d, lambdas, solver, threads)
