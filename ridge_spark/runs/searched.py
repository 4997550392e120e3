"""What a search over λ with one feature map has found, on whichever side; and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import Split
from ridge_spark.errors import InputError
from ridge_spark.features import FeatureMap
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.products import DualStatistics, ImageProducts
from ridge_spark.ridge.selection import choose
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.result import Features


@dataclass(frozen=True)
class Searched:
    """What the search over λ has found with one feature map.

    side      of the matrix that was solved
    solved    the sums over all training images that it was solved from: X'X, or XX'
    full      the solution of all training images, its best λ solved
    correct   (L,) held-out images classified correctly by each λ
    """

    feature_map: FeatureMap
    side: str
    solved: Statistics | ImageProducts
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


@dataclass(frozen=True)
class Fit:
    """The model of all training images for the best λ: `coef` (k, d) and `intercept` (k,).

    solution    for the grid, as far as it is known     statistics   what a run says and keeps of
                                                                     what it was solved from
    """

    coef: Float
    intercept: Float
    solution: Solution
    statistics: Statistics | DualStatistics


def require_images(counts: NDArray[np.int64], folds: Folds, split: Split) -> None:
    """`InputError` unless each class has images, and each held-out group and what it leaves.

    `counts` (groups, classes) are the images of each.
    """
    names = split.description.class_names
    if len(names) < 2:
        raise InputError(f"{split.uri}: has one class only; a classifier needs at least two")
    empty = np.flatnonzero(counts.sum(axis=0) == 0)
    n, held_out = int(counts.sum()), counts.sum(axis=1)[: folds.held_out]
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
