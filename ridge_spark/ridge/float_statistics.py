"""Sufficient statistics of a labelled set of float vectors, about a point that all groups share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem, Float, targets
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.threads import blas_threads

SAMPLE = 1000  # vectors, at most, whose median is near enough to where all of them are
ROWS_AT_A_TIME = 4096  # that are copied to be shifted


@dataclass(frozen=True)
class FloatStatistics:
    """What ridge regression needs to know of vectors x, summed over x - `shift`.

        counts[k]   vectors of class k      (classes,)     int64
        sums[k]     Σ of class k            (classes, d)   float64
        gram        Σ (x - shift)(x - shift)'   (d, d)     float64
        low, high   of each column          (d,)           float64

    Floats round. So the shift is amid the vectors, where centring takes little away from `gram`,
    and statistics only ever add: were a group taken out of the total by subtraction, one huge value
    in it would leave its rounding error behind. A median is not moved by such a value either.
    """

    counts: NDArray[np.int64]
    sums: Float
    gram: Float
    shift: Float
    low: Float
    high: Float

    @classmethod
    def of_groups(
        cls,
        X: Float,
        labels: NDArray[np.integer],
        folds: Folds,
        classes: int,
        *,
        times: NDArray[np.integer] | None = None,
        threads: int = 1,
    ) -> list[FloatStatistics]:
        """Statistics of each group of the rows of X (n, d), about the median of some.

        Each row counts as if it were there `times` (n,), or once.
        """
        shift = np.median(X[:: -(-len(X) // SAMPLE)], axis=0)
        group_of = folds.assign(0, len(X))
        groups = [np.flatnonzero(group_of == group) for group in range(folds.groups)]
        if times is not None:
            groups = [rows.repeat(times[rows]) for rows in groups]
        with blas_threads(threads):
            return [cls._of(X, labels, rows, classes, shift) for rows in groups]

    @classmethod
    def _of(
        cls,
        X: Float,
        labels: NDArray[np.integer],
        rows: NDArray[np.intp],
        classes: int,
        shift: Float,
    ) -> FloatStatistics:
        d = len(shift)
        sums, gram = np.zeros((classes, d)), np.zeros((d, d))
        low, high = np.full(d, np.inf), np.full(d, -np.inf)
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            some = rows[start : start + ROWS_AT_A_TIME]
            panel = X[some]
            np.minimum(low, panel.min(axis=0), out=low)
            np.maximum(high, panel.max(axis=0), out=high)
            panel -= shift
            sums += (labels[some] == np.arange(classes)[:, None]).astype(np.float64) @ panel
            gram += panel.T @ panel
        return cls(np.bincount(labels[rows], minlength=classes), sums, gram, shift, low, high)

    @classmethod
    def sum(cls, groups: Sequence[FloatStatistics]) -> FloatStatistics:
        """Statistics of the vectors of all `groups`, which have the same shift."""
        first = groups[0]
        sums, gram = np.zeros_like(first.sums), np.zeros_like(first.gram)
        for group in groups:
            sums += group.sums
            gram += group.gram
        return cls(
            counts=np.sum([group.counts for group in groups], axis=0),
            sums=sums,
            gram=gram,
            shift=first.shift,
            low=np.min([group.low for group in groups], axis=0),
            high=np.max([group.high for group in groups], axis=0),
        )

    @classmethod
    def centre_sum(cls, groups: Sequence[FloatStatistics]) -> CentredSystem:
        """The centred system of the vectors of all `groups`."""
        return (groups[0] if len(groups) == 1 else cls.sum(groups)).centre()

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    def centre(self) -> CentredSystem:
        """The centred system: with δ the mean of x - shift, Xc'Xc = gram - n δδ'."""
        n, counts = self.n, self.counts
        delta = self.sums.sum(axis=0) / n
        active = np.flatnonzero(self.high > self.low)
        gram = self.gram[np.ix_(active, active)]
        gram -= n * np.outer(delta[active], delta[active])
        return CentredSystem(
            n=n,
            gram=gram,
            cross=2.0 * (self.sums - counts[:, None] * delta).T[active],
            active=active,
            mean=self.shift + delta,
            **targets(counts),
        )
