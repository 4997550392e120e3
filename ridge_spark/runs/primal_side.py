"""The primal side of a run: two passes over the images and X'X, one unknown for each pixel."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ridge_spark.engines.engine import Engine
from ridge_spark.errors import InputError
from ridge_spark.features import FeatureMap
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Images
from ridge_spark.ridge.scoring import Weights, panels, scores
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import SIDE_BY_SIDE, choose_solver
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.searched import Fit, Searched, require_images


def search(engine: Engine, feature_map: FeatureMap, options: TrainOptions) -> Searched:
    """Both passes, with every λ of the grid."""
    start = time.perf_counter()
    folds, lambdas = options.folds, np.array(options.lambdas_for(feature_map.spec))
    groups = engine.statistics(folds)
    counts = np.array([group.counts for group in groups])
    require_images(counts, folds, engine.train)
    n, d = int(counts.sum()), groups[0].d
    solver = options.solver
    if solver == "auto":
        solver = choose_solver(n, d, len(lambdas), folds.held_out + 1, engine.workers)
    if d <= SIDE_BY_SIDE or not engine.exact:
        total = sum(groups[1:], groups[0])
        fitted_on = [*(total - group for group in groups[: folds.held_out]), total]
        *fitted, full = engine.solve(fitted_on, lambdas, solver)
    else:
        full = None
        fitted, total = _solve_large(engine, groups, folds, lambdas, solver)
    candidates = {group: Weights(*each.weights()) for group, each in enumerate(fitted)}
    scored = engine.score(folds, candidates)
    seconds = time.perf_counter() - start
    return Searched(
        feature_map=feature_map,
        side="primal",
        solved=total,
        lambdas=lambdas,
        scored=scored,
        scores_at=partial(_scores_at, scored.images, tuple(fitted)),
        metric=options.metric,
        choose=options.choose,
        solver=solver,
        seconds=seconds,
        full=full,
        fitted=tuple(fitted),
    )


def _scores_at(
    images: Images, fitted: Sequence[Solution], index: int
) -> tuple[Float, NDArray[np.int64]]:
    """Scores (m, k) of the images that were kept, by fits without them, and their labels."""
    found = np.empty((len(images.row), fitted[0].weights_at(index)[0].shape[0]))
    for group, solution in enumerate(fitted):
        coef, intercept = solution.weights_at(index)
        mine = np.flatnonzero(images.group == group)
        for some in panels(len(mine)):
            found[mine[some]] = scores(images.image[mine[some]], coef, intercept)
    return found, images.label


def fit(engine: Engine, searched: Searched) -> Fit:
    """The weights of the best λ, of all images."""
    statistics = searched.solved
    assert isinstance(statistics, Statistics)
    full = searched.full or _solve_best(engine, searched, statistics)
    return Fit(*full.weights_at(searched.best), full, statistics)


def _solve_large(
    engine: Engine, groups: list[Statistics], folds: Folds, lambdas: Float, solver: str
) -> tuple[list[Solution], Statistics]:
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


def _solve_best(engine: Engine, searched: Searched, statistics: Statistics) -> Solution:
    """The solution of all images, of the best λ alone where each costs seconds."""
    best, L = searched.best, len(searched.lambdas)
    (one,) = engine.solve([statistics], searched.lambdas[best : best + 1], searched.solver)
    if not one.is_converged()[0]:
        raise InputError(
            f"the iteration has not converged for λ = {searched.lambdas[best]:g} on all images: "
            "use a larger one, or --solver tridiagonal"
        )
    coef, intercept = one.weights_at(0)
    return _at(best, L, one, coef, intercept)


def _at(index: int, length: int, one: Solution, coef: Float, intercept: Float) -> Solution:
    """The solution of one λ as one of a grid, of which no more is known."""
    gcv, singular = np.full(length, np.inf), np.zeros(length, np.bool_)
    gcv[index], singular[index] = one.gcv[0], one.singular[0]
    return Solution(gcv, singular, _OnePath(length, index, coef, intercept), one.rank)


@dataclass(frozen=True)
class _OnePath:
    """Weights of one λ of a grid: those of the others were not asked for."""

    length: int
    index: int
    coef: Float
    intercept: Float

    def __len__(self) -> int:
        return self.length

    def weights(self, indices: NDArray[np.intp]) -> tuple[Float, Float]:
        if any(i != self.index for i in indices):
            raise ValueError("the weights of this λ are not known")
        repeat = len(indices)
        return np.stack([self.coef] * repeat), np.stack([self.intercept] * repeat)
