"""A run that solves neither X'X nor XX': products with the images, pass after pass."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.engines.engine import Engine
from ridge_spark.errors import InputError
from ridge_spark.features import FeatureMap
from ridge_spark.progress import LOG_EVERY_SECONDS
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.nystrom import Nystrom, Sketched
from ridge_spark.ridge.operator import Moments, OperatorSystem, group_moments
from ridge_spark.ridge.operator_solver import RANK, OperatorSolver, most_columns
from ridge_spark.ridge.products import DualStatistics
from ridge_spark.ridge.solution import Solution, one_of_grid
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.searched import Fit, Searched, require_images, score_fits


@dataclass(frozen=True)
class EngineOperator:
    """The matrix of a system: each product is a sum over the blocks of an engine.

    without   the group of `folds` that is not in it, or None
    """

    engine: Engine
    system: OperatorSystem
    folds: Folds
    without: int | None = None

    def product(self, P: Float) -> Float:
        task = self.system.task(P, self.folds, self.without)
        engine = self.engine
        return self.system.centred(
            engine.sum_over_blocks("product", engine.view.through(task), engine.train), P
        )

    def agree(self, array: NDArray[Any]) -> NDArray[Any]:
        return self.engine.once(lambda: array)


def search(engine: Engine, feature_map: FeatureMap, options: TrainOptions) -> Searched:
    """A pass for the moments, one for the sketch, some for each fold, and one for the scores."""
    start = time.perf_counter()
    folds, lambdas = options.folds, np.array(options.lambdas_for(feature_map.spec))
    d, classes = engine.view.d, engine.view.classes
    task = engine.task_by_group(group_moments, folds)
    rows = engine.sum_over_blocks("moments", task, engine.train)
    every = rows.sum(axis=0)
    total = Moments.of(every, classes)
    counts = np.array([Moments.of(row, classes).counts for row in rows])
    require_images(counts, folds, engine.train)

    offset = (2 * total.pixel_sums + total.n) // (2 * total.n)
    whole = EngineOperator(engine, OperatorSystem.of(total, offset), folds)
    with engine.progress.together("sketch"):
        preconditioner = Nystrom.of(whole, d, min(RANK, d, total.n))
    sketched = Sketched(total, offset, preconditioner)
    fitted = []
    for group in range(folds.held_out):
        others = Moments.of(every - rows[group], classes)
        system = OperatorSystem.of(others, offset)
        operator = EngineOperator(engine, system, folds, group)
        fitted.append(_solve(operator, sketched, lambdas))
    scored, scores_at = score_fits(engine, folds, fitted)
    return Searched(
        feature_map=feature_map,
        side="operator",
        solved=sketched,
        lambdas=lambdas,
        scored=scored,
        scores_at=scores_at,
        metric=options.metric,
        choose=options.choose,
        solver="krylov",
        seconds=time.perf_counter() - start,
        full=None,
        fitted=tuple(fitted),
    )


def fit(engine: Engine, searched: Searched) -> Fit:
    """The weights of the best λ, of all images."""
    sketched, best = searched.solved, searched.best
    assert isinstance(sketched, Sketched)
    system = OperatorSystem.of(sketched.total, sketched.offset)
    operator = EngineOperator(engine, system, Folds.none())
    one = _solve(operator, sketched, searched.lambdas[best : best + 1])
    if not one.is_converged()[0]:
        raise InputError(
            f"the iteration has not converged for λ = {searched.lambdas[best]:g} on all images: "
            "use a larger one, or --side primal"
        )
    total = sketched.total
    statistics = DualStatistics(total.counts, total.sums, total.sha256())
    full = one_of_grid(one, best, len(searched.lambdas))
    return Fit(*full.weights_at(best), full, statistics)


def _solve(operator: EngineOperator, sketched: Sketched, lambdas: Float) -> Solution:
    engine, d = operator.engine, operator.system.cross.shape[1]
    columns = engine.once(lambda: most_columns(d, engine.resources.lead))  # the same on all ranks
    with _told(engine, lambdas) as watch:
        solver = OperatorSolver(operator, operator.system, sketched.preconditioner, columns, watch)
        return solver.solve(lambdas)


@contextmanager
def _told(engine: Engine, lambdas: Float) -> Iterator[Any]:
    """One stage of all the products, and now and then a line that says how far they are."""
    last = time.perf_counter()

    def watch(steps: int, index: int, residual: float) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= LOG_EVERY_SECONDS:
            last = now
            engine.progress.say(
                f"solve: {steps} steps, λ = {lambdas[index]:g}, residual {residual:.0e}"
            )

    with engine.progress.together("solve"):
        yield watch
