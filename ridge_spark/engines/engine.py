"""What an engine is to a run: who visits the blocks, and solves on the processors there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.model import Model
from ridge_spark.ridge.centring import CentredSystem, Float, centre
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.solution import Solution, store_weights
from ridge_spark.ridge.solvers import factorise, threads_for
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import blas_threads, parallel_map


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
    """Solve the system of each statistics in this process, on `threads` threads in all.

    Systems side by side rather than threads in a system: a factorisation gains little from more
    threads, loses much where cores are shared with others, and on one thread has the same bits
    whatever the number of cores. Large ones go one after the other on all threads, since each takes
    a few times the memory of its Gram matrix.

    The last system is of all images, and only the weights for the λ to be chosen will be wanted of
    it: its path stays lazy.
    """
    systems = list(parallel_map(centre, fitted_on, threads))
    of_each = threads_for(max(len(system.gram) for system in systems), threads)
    at_once = min(threads // of_each, len(systems))

    def solved(system: CentredSystem) -> Solution:
        return factorise(system, solver).solve(lambdas)

    with blas_threads(of_each), ThreadPoolExecutor(at_once) as pool:
        *fitted, full = pool.map(solved, systems)
    return [*store_weights(fitted, threads), full]
