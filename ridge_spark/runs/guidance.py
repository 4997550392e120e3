"""What a run, a test or a prediction warns of, each in one line with its remedy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ridge_spark.model import Model
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.held_out import Scored
from ridge_spark.ridge.metrics import Z_95, Metrics

Sums = NDArray[np.int64] | int  # (d,), or 0

FEW_IMAGES = 10  # of a class
MOST_NAMED = 5  # classes in one line
BY_HEART = 0.1  # that a model is better on images that it has seen
FAR, OF_ONE = 1.0, 1.5  # squared distances from the training images' mean, by their own


def choice_warnings(
    score: Float, error: Float, lambdas: Float, n: int, converged: NDArray[np.bool_]
) -> tuple[str, ...]:
    """About the grid of λ (L,): its `score` on n held-out images, and the standard `error` of how
    much less than the best it is.
    """
    score, error, lambdas = score[converged], error[converged], lambdas[converged]
    if len(score) < 2:
        return ()
    if (score == score[0]).all():
        return (
            f"all {len(lambdas)} values of λ do equally well on {n:,} held-out images, and the "
            f"largest was taken: a wider grid may have better ones, as --lambdas {_wider(lambdas)}",
        )
    best, last = int(np.flatnonzero(score == score.max())[-1]), len(score) - 1
    below = score[best] - score
    if (below <= Z_95 * error).all():
        return (
            f"{n:,} held-out images can't tell the values of λ apart: they differ by "
            f"{100 * below.max():.2f} percentage points, which may be chance; --folds 10 holds "
            "every image out once",
        )
    at = float(lambdas[best])
    clearly_worse = below > Z_95 * error
    if best == last and clearly_worse[last - 1]:
        return (
            f"the best λ, {at:g}, is the largest of the grid: larger ones may be better; add some, "
            f"as --lambdas {at:g},{10 * at:g},{100 * at:g}",
        )
    if best == 0 and clearly_worse[1] and at > 0:
        return (
            f"the best λ, {at:g}, is the smallest of the grid: smaller ones may be better; add "
            f"some, as --lambdas {at / 100:g},{at / 10:g},{at:g}",
        )
    return ()


def _wider(lambdas: Float) -> str:
    """A grid that goes three decades further than `lambdas` on either side."""
    positive = lambdas[lambdas > 0]
    low, high = np.log10([positive.min(), positive.max()]) if len(positive) else (0.0, 0.0)
    first, last = math.floor(low) - 3, min(math.ceil(high) + 3, 100)
    return f"logspace:{first}:{last}:{last - first + 1}"


def class_warnings(counts: NDArray[np.int64], names: Sequence[str]) -> tuple[str, ...]:
    """About classes of few training images, of `counts` (k,)."""
    few = np.flatnonzero(counts < FEW_IMAGES)
    if not len(few):
        return ()
    told = ", ".join(f"'{names[i]}' {counts[i]}" for i in few[:MOST_NAMED])
    more = f" and {len(few) - MOST_NAMED} more classes" if len(few) > MOST_NAMED else ""
    return (
        f"few training images: of class {told}{more}; with fewer than {FEW_IMAGES}, what is "
        "said of a class is chance: add images of it, or join it with another",
    )


def baseline_warnings(scored: Scored, best: int, names: Sequence[str]) -> tuple[str, ...]:
    """Where the λ at `best` is not surely better than always answering with the largest class."""
    n, right = scored.n_by_class, int(scored.totals[best])
    total, largest = int(n.sum()), int(n.argmax())
    low, _ = Metrics.of(np.array([[right, total - right], [0, 0]])).interval
    if low > n[largest] / total:
        return ()
    return (
        f"{100 * right / total:.1f}% of {total:,} held-out images are right, and "
        f"{100 * n[largest] / total:.1f}% would be by always answering '{names[largest]}': try "
        "--features patches, more images or --class-weight balanced, and look at the labels",
    )


def by_heart_warnings(seen: Float, held_out: Float, labels: NDArray[np.integer]) -> tuple[str, ...]:
    """Where a model is far better on images (n, k) that it was fitted to than on the same images
    held out; both are scores.
    """
    right = [float((scores.argmax(axis=1) == labels).mean()) for scores in (seen, held_out)]
    if right[0] - right[1] <= BY_HEART:
        return ()
    return (
        f"{100 * right[0]:.0f}% of images are right when the model was fitted to them, and "
        f"{100 * right[1]:.0f}% when it was not: it has learnt them by heart; more images help, or "
        "larger λ, or features of fewer numbers",
    )


def distance_from_training(model: Model, sums: Sums, n: int) -> float | None:
    """‖x̄ - mean‖² / spread, with x̄ the mean of n images as the model sees them, `sums` (d,) / n.

    Of n images like the training images it is about 1/n. None where the model doesn't know its
    training images' mean.
    """
    if model.mean is None or not model.spread or not n:
        return None
    return float(((sums / n - model.mean) ** 2).sum() / model.spread)


def distance_warnings(model: Model, sums: Sums, n: int) -> tuple[str, ...]:
    """Where n images are not like those that the model was trained on."""
    distance = distance_from_training(model, sums, n)
    if distance is None or distance <= FAR + OF_ONE / n:
        return ()
    which = "this image is" if n == 1 else f"these {n:,} images are on average"
    return (
        f"{which} {distance**0.5:.1f} times as far from the mean of the training images as those "
        "are themselves: inverted, of other brightness, or cut otherwise? import or prepare them "
        "as the training images were",
    )
