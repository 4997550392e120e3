"""How good a classifier is, from its confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float

Z_95 = 1.959963984540054  # the normal distribution's 97.5% quantile


@dataclass(frozen=True)
class Metrics:
    """With C the confusion matrix (k, k), true classes in rows, of n images:

        accuracy      Σ_i C_ii / n
        precision_i   C_ii / Σ_j C_ji     of those predicted i, the share that are
        recall_i      C_ii / Σ_j C_ij     of those that are i, the share predicted so
        balanced      Σ_i recall_i / k    over the k classes that there are images of

    each NaN where there are no such images.
    """

    confusion: NDArray[np.int64]
    precision: Float
    recall: Float

    @classmethod
    def of(cls, confusion: NDArray[np.int64]) -> Self:
        correct = np.diagonal(confusion).astype(np.float64)
        with np.errstate(invalid="ignore"):
            return cls(confusion, correct / confusion.sum(axis=0), correct / confusion.sum(axis=1))

    @property
    def n(self) -> int:
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes, each counting the same, also called macro recall."""
        return float(np.nanmean(self.recall))

    @property
    def largest_share(self) -> float:
        """What always answering with the class of the most images would get right."""
        return int(self.confusion.sum(axis=1).max()) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the accuracy at 95% confidence.

        Wilson's score interval, Journal of the American Statistical Association 22 (1927):

            (p + z²/2n ± z √(p (1-p) / n + z²/4n²)) / (1 + z²/n)
        """
        n, p, z = self.n, self.accuracy, Z_95
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        middle, scale = p + z * z / (2 * n), 1 + z * z / n
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Everything as JSON can hold it: null for NaN."""
        classes = {
            name: {"precision": _or_none(p), "recall": _or_none(r), "images": int(row.sum())}
            for name, p, r, row in zip(
                class_names, self.precision, self.recall, self.confusion, strict=True
            )
        }
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "balanced_accuracy": self.balanced_accuracy,
            "largest_class": self.largest_share,
            "classes": classes,
            "confusion": self.confusion.tolist(),
        }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
