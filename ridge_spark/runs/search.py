"""The search over features and λ by held-out images: what each spec comes to, and the best."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import Split, read_block
from ridge_spark.engines.engine import Engine, View
from ridge_spark.errors import InputError
from ridge_spark.features import PIXELS, FeatureMap, Sample, find_map
from ridge_spark.features.blocks import map_blocks
from ridge_spark.features.sample import SampleRows
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.packed import AnyStatistics, PackedStatistics
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import choose
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import SIDE_BY_SIDE, choose_solver
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.result import Features


@dataclass(frozen=True)
class Searched:
    """What the search over λ has found with one feature map.

    statistics  of all training images          full  of them too, its best λ solved
    correct     (L,) held-out images classified correctly by each λ
    """

    feature_map: FeatureMap
    statistics: AnyStatistics
    n_validation: int
    lambdas: Float
    correct: NDArray[np.int64]
    solver: str
    seconds: float
    full: Solution | None
    fitted: tuple[Solution, ...]  # of each held-out group

    @property
    def converged(self) -> NDArray[np.bool_]:
        """(L,) where every fit has."""
        return np.all([solution.is_converged() for solution in self.fitted], axis=0)

    @property
    def best(self) -> int:
        return choose(self.correct, self.lambdas, self.converged)

    def summary(self) -> Features:
        return Features(
            spec=self.feature_map.spec.text,
            features_sha256=self.feature_map.sha256,
            d=self.feature_map.d_out,
            lambda_=float(self.lambdas[self.best]),
            validation_accuracy=float(self.correct[self.best] / self.n_validation),
            seconds=round(self.seconds, 3),
        )


def find_maps(engine: Engine, options: TrainOptions) -> list[FeatureMap]:
    """The feature maps to search; found once, where the run is led from."""
    specs = options.features or (PIXELS,)
    split, seed = engine.train, options.folds.seed
    shape = split.description.shape
    if all(spec.is_pixels for spec in specs):
        return [FeatureMap(spec, shape) for spec in specs]

    def find() -> list[FeatureMap]:
        sample = _sample(split, seed)
        return [
            find_map(spec, shape, sample, seed, threads=engine.threads)
            if not spec.is_pixels
            else FeatureMap(spec, shape)
            for spec in specs
        ]

    with engine.progress.stage("features"):
        return engine.once(find)


def _sample(split: Split, seed: int) -> Sample:
    rows = SampleRows(split.rows, split.description.d, seed)
    needed = [block for block in split.blocks if rows.wanted(block.first_row, block.rows)]
    return Sample.of(map(read_block, needed), rows)


def view_of(feature_map: FeatureMap, split: Split) -> View:
    """What the mathematics sees of the images of a split through a feature map."""
    if feature_map.spec.is_pixels:
        return View.of(split)
    classes = len(split.description.class_names)
    return View(feature_map.d_out, classes, partial(map_blocks, feature_map))


def see(engine: Engine, feature_map: FeatureMap) -> None:
    """Let the engine's tasks see images through a feature map."""
    key = "" if feature_map.spec.is_pixels else feature_map.sha256
    engine.see(view_of(feature_map, engine.train), key)


def search(engine: Engine, feature_map: FeatureMap, options: TrainOptions) -> Searched:
    """Both passes, with every λ of the grid."""
    start = time.perf_counter()
    see(engine, feature_map)
    folds, lambdas = options.folds, np.array(options.lambdas_for(feature_map.spec))
    large = engine.view.d > SIDE_BY_SIDE and engine.exact
    groups: list[Any] = engine.packed_statistics(folds) if large else engine.statistics(folds)
    held_out = [group.n for group in groups[: folds.held_out]]
    n = sum(group.n for group in groups)
    _require_images(groups, held_out, engine.train)
    d = groups[0].d
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
    candidates = {group: Weights(*each.weights()) for group, each in enumerate(fitted)}
    correct = engine.score(folds, candidates).sum(axis=0)
    seconds = time.perf_counter() - start
    return Searched(
        feature_map, total, sum(held_out), lambdas, correct, solver, seconds, full, tuple(fitted)
    )


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


def solve_best(engine: Engine, searched: Searched) -> Searched:
    """The same with the solution of all images, of the best λ alone where each costs seconds."""
    if searched.full is not None:
        return searched
    best, L = searched.best, len(searched.lambdas)
    (one,) = engine.solve([searched.statistics], searched.lambdas[best : best + 1], searched.solver)
    if not one.is_converged()[0]:
        raise InputError(
            f"the iteration has not converged for λ = {searched.lambdas[best]:g} on all images: "
            "use a larger one, or --solver tridiagonal"
        )
    coef, intercept = one.weights_at(0)
    return replace(searched, full=_at(best, L, one, coef, intercept))


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


def _require_images(groups: Sequence[AnyStatistics], held_out: Sequence[int], split: Split) -> None:
    names = split.description.class_names
    if len(names) < 2:
        raise InputError(f"{split.uri}: has one class only; a classifier needs at least two")
    counts = np.sum([group.counts for group in groups], axis=0)
    empty = np.flatnonzero(counts == 0)
    n = int(counts.sum())
    if len(empty):
        raise InputError(
            f"{split.uri}: class '{names[empty[0]]}' is empty among the {n:,} training "
            "images used; add images of it, remove the class, or raise --limit"
        )
    if any(rows in (0, n) for rows in held_out):
        raise InputError(
            f"{split.uri}: {n:,} training images are too few to hold some out; "
            "use fewer --folds or another --validation"
        )
