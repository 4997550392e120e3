"""A training run, whatever the engine: two passes over the images, then the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import Split
from ridge_spark.engines.options import TrainOptions
from ridge_spark.engines.progress import Progress
from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import CentredSystem, Float, centre
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.model import Model
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import choose
from ridge_spark.ridge.solution import Solution, with_weights
from ridge_spark.ridge.solvers import choose_solver, factorise, threads_for
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import blas_threads, spread


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


@dataclass(frozen=True)
class Training:
    """What a run found out."""

    model: Model
    statistics: Statistics
    n_validation: int
    validation_accuracy: Float  # (L,)
    gcv: Float  # (L,)
    best: int  # index of the chosen λ
    confusion: NDArray[np.int64]  # (k, k); of no images where there is no test split
    solver: str
    warnings: tuple[str, ...]
    blocks: int = 0  # of training images that a pass visits


def train(engine: Engine, split: Split, options: TrainOptions, progress: Progress) -> Training:
    """Choose λ on held-out images, then fit on all of them."""
    folds, lambdas = options.folds, np.array(options.lambdas)
    groups = engine.statistics(folds)
    total = sum(groups[1:], groups[0])
    _require_images(total, groups[: folds.held_out], split)

    solver = options.solver
    if solver == "auto":
        solver = choose_solver(total.n, total.d, len(lambdas), folds.held_out + 1, engine.workers)
    with progress.stage("solve"):
        fitted_on = [*(total - held_out for held_out in groups[: folds.held_out]), total]
        *fitted, full = engine.solve(fitted_on, lambdas, solver)

    candidates = {
        group: Weights(solution.coef, solution.intercept) for group, solution in enumerate(fitted)
    }
    correct = engine.score(folds, candidates).sum(axis=0)
    n_validation = sum(held_out.n for held_out in groups[: folds.held_out])
    best = choose(correct, lambdas)
    coef, intercept = full.at(best)
    description = split.description
    model = Model(
        coef=coef,
        intercept=intercept,
        class_names=description.class_names,
        shape=description.shape,
        lam=float(lambdas[best]),
        preparation=description.preparation,
    )
    return Training(
        model=model,
        statistics=total,
        n_validation=n_validation,
        validation_accuracy=correct / n_validation,
        gcv=full.gcv,
        best=best,
        confusion=engine.confusion(model),
        solver=solver,
        warnings=singular_warnings(lambdas, full),
        blocks=len(split.blocks),
    )


def solve_here(
    fitted_on: Sequence[Statistics], lambdas: Float, solver: str, threads: int
) -> list[Solution]:
    """Solve the system of each statistics in this process, on `threads` threads in all.

    Systems side by side rather than threads in a system: a factorisation gains little from more
    threads, loses much where cores are shared with others, and on one thread has the same bits
    whatever the number of cores. Large ones go one after the other on all threads, since each takes
    a few times the memory of its Gram matrix.

    The last system is of all images, and only the weights for the λ to be chosen will be wanted of
    it: it leaves them to be found then.
    """
    systems = list(spread(centre, fitted_on, threads))
    of_each = threads_for(max(len(system.gram) for system in systems), threads)
    at_once = min(threads // of_each, len(systems))

    def solved(system: CentredSystem) -> Solution:
        return factorise(system, solver).solve(lambdas)

    with blas_threads(of_each), ThreadPoolExecutor(at_once) as pool:
        *fitted, full = pool.map(solved, systems)
    return [*with_weights(fitted, threads), full]


def _require_images(total: Statistics, held_out: Sequence[Statistics], split: Split) -> None:
    names = split.description.class_names
    if len(names) < 2:
        raise InputError(f"{split.uri}: has one class only; a classifier needs at least two")
    empty = np.flatnonzero(total.counts == 0)
    if len(empty):
        raise InputError(
            f"{split.uri}: class '{names[empty[0]]}' is empty among the {total.n:,} training "
            "images used; add images of it, remove the class, or raise --limit"
        )
    if any(group.n == 0 or group.n == total.n for group in held_out):
        raise InputError(
            f"{split.uri}: {total.n:,} training images are too few to hold some out; "
            "use fewer --folds or another --validation"
        )


def singular_warnings(lambdas: Float, full: Solution) -> tuple[str, ...]:
    if not full.singular.any():
        return ()
    largest = lambdas[full.singular].max()
    rank = "" if full.rank is None else f" (rank {full.rank})"
    return (
        f"X'X + NλI is singular to working precision{rank} for λ up to {largest:g}: "
        "the weights of least norm were taken there",
    )
