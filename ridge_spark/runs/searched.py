"""What a search over λ with one feature map has found, on whichever side; and what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import Split
from ridge_spark.engines.engine import Engine
from ridge_spark.errors import InputError
from ridge_spark.features import FeatureMap
from ridge_spark.ridge.calibration import fit_temperature
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.choice import choose, error_of_difference, score_of
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Images, Scored
from ridge_spark.ridge.nystrom import Sketched
from ridge_spark.ridge.packed import AnyStatistics
from ridge_spark.ridge.products import DualStatistics, ImageProducts
from ridge_spark.ridge.scoring import Weights, panels, scores
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import blas_threads
from ridge_spark.runs.result import Features, HeldOut

ScoresAt = Callable[[int], tuple[Float, NDArray[np.int64]]]


@dataclass(frozen=True)
class Searched:
    """What the search over λ has found with one feature map.

    side      of the matrix that was solved
    solved    what it was solved from: X'X, XX', or what products with the images start from
    full      the solution of all training images, its best λ solved
    scored    what each λ made of the held-out images
    scores_at called with the index of a λ, returns the scores (m, k) that it gives to held-out
              images, fitted without them, and their labels (m,)
    """

    feature_map: FeatureMap
    side: str
    solved: AnyStatistics | ImageProducts | Sketched
    lambdas: Float
    scored: Scored
    scores_at: ScoresAt
    metric: str
    choose: str
    solver: str
    seconds: float
    full: Solution | None
    fitted: tuple[Solution, ...]  # of each held-out group

    @property
    def n_validation(self) -> int:
        """Images that were held out once."""
        return int(self.scored.n.sum())

    @property
    def correct(self) -> NDArray[np.int64]:
        """(L,) held-out images that each λ classifies correctly."""
        return self.scored.totals

    @property
    def converged(self) -> NDArray[np.bool_]:
        """(L,) where every fit has."""
        return np.all([solution.is_converged() for solution in self.fitted], axis=0)

    @cached_property
    def score(self) -> Float:
        """(L,) of each λ on held-out images, by the metric that it is chosen by."""
        return score_of(self.scored, self.metric)

    @cached_property
    def error(self) -> Float:
        """(L,) the standard error of how much worse than the best each λ has scored."""
        best = choose(self.score, self.lambdas, self.converged)
        return error_of_difference(self.scored, self.metric, best)

    @cached_property
    def best(self) -> int:
        """Index of the chosen λ."""
        error = self.error if self.choose == "one-se" else None
        return choose(self.score, self.lambdas, self.converged, error)

    @cached_property
    def best_scores(self) -> tuple[Float, NDArray[np.int64]]:
        """`scores_at` of the chosen λ, of the same bits wherever they are made."""
        with blas_threads(1):
            return self.scores_at(self.best)

    def temperature(self) -> float:
        """T of the probabilities, fitted to the scores of held-out images by the chosen λ."""
        with blas_threads(1):
            return fit_temperature(*self.best_scores)

    def held_out(self) -> HeldOut:
        scored = self.scored
        n = scored.n.sum(axis=1)
        by_fold = scored.correct.sum(axis=1) / n[:, None]
        return HeldOut(
            metric=self.metric,
            choose=self.choose,
            standard_error=tuple(self.error.tolist()),
            balanced_accuracy=tuple(score_of(scored, "balanced").tolist()),
            by_fold=tuple(map(tuple, by_fold.tolist())),
            images=tuple(map(tuple, scored.n.tolist())),
        )

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


def score_fits(engine: Engine, folds: Folds, fitted: Sequence[Solution]) -> tuple[Scored, ScoresAt]:
    """Pass two: what the fits without each group make of its images; and `Searched.scores_at`."""
    candidates = {group: Weights(*each.weights()) for group, each in enumerate(fitted)}
    scored = engine.score(folds, candidates)
    return scored, partial(_kept_scores, scored.images, tuple(fitted))


def _kept_scores(
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
