"""The primal side of a run: two passes over the images and X'X, one unknown for each pixel."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ridge_spark.engines.engine import Engine
from ridge_spark.errors import InputError
from ridge_spark.features import FeatureMap
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.packed import AnyStatistics, PackedStatistics
from ridge_spark.ridge.solution import Solution, one_of_grid
from ridge_spark.ridge.solvers import SIDE_BY_SIDE, choose_solver
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.searched import Fit, Searched, require_images, score_fits


def search(engine: Engine, feature_map: FeatureMap, options: TrainOptions) -> Searched:
    """Both passes, with every λ of the grid."""
    start = time.perf_counter()
    folds, lambdas = options.folds, np.array(options.lambdas_for(feature_map.spec))
    large = engine.view.d > SIDE_BY_SIDE and engine.exact
    groups: list[Any] = engine.packed_statistics(folds) if large else engine.statistics(folds)
    counts = np.array([group.counts for group in groups])
    require_images(counts, folds, engine.train)
    n, d = int(counts.sum()), groups[0].d
    solver = options.solver
    if solver == "auto":
        solver = choose_solver(n, d, len(lambdas), folds.held_out + 1, engine.workers)
    if large:
        full = None
        fitted, total = _solve_large(engine, groups, folds, lambdas, solver)
    else:
        total = sum(groups[1:], groups[0])
        fitted_on = [*(total - group for group in groups[: folds.held_out]), total]
        *fitted, full = engine.solve(fitted_on, lambdas, solver)
    scored, scores_at = score_fits(engine, folds, fitted)
    seconds = time.perf_counter() - start
    return Searched(
        feature_map=feature_map,
        side="primal",
        solved=total,
        lambdas=lambdas,
        scored=scored,
        scores_at=scores_at,
        metric=options.metric,
        choose=options.choose,
        solver=solver,
        seconds=seconds,
        full=full,
        fitted=tuple(fitted),
    )


def fit(engine: Engine, searched: Searched) -> Fit:
    """The weights of the best λ, of all images."""
    statistics = searched.solved
    assert isinstance(statistics, AnyStatistics)
    full = searched.full or _solve_best(engine, searched, statistics)
    if isinstance(statistics, PackedStatistics):
        statistics = statistics.unpacked()
    return Fit(*full.weights_at(searched.best), full, statistics)


def _solve_large(
    engine: Engine, groups: list[PackedStatistics], folds: Folds, lambdas: Float, solver: str
) -> tuple[list[Solution], PackedStatistics]:
    """What is fitted without each held-out group, one after the other; and the sum of all groups.

    Of matrices of this size, as few as can be are held at a time: `groups` is empty afterwards
    where its memory has become the sum's.
    """
    if len(groups) == 2 and folds.held_out == 1:
        (without,) = engine.solve(groups[1:], lambdas, solver)
        held_out, total = groups
        groups.clear()  # so that nobody takes the sum for one of them
        total += held_out
        return [without], total
    total = sum(groups[1:], groups[0])
    fitted = []
    for number in range(folds.held_out):
        fitted += engine.solve([total - groups[number]], lambdas, solver)
    return fitted, total


def _solve_best(engine: Engine, searched: Searched, statistics: AnyStatistics) -> Solution:
    """The solution of all images, of the best λ alone where each costs seconds."""
    best, L = searched.best, len(searched.lambdas)
    (one,) = engine.solve([statistics], searched.lambdas[best : best + 1], searched.solver)
    if not one.is_converged()[0]:
        raise InputError(
            f"the iteration has not converged for λ = {searched.lambdas[best]:g} on all images: "
            "use a larger one, or --solver tridiagonal"
        )
    return one_of_grid(one, best, L)
