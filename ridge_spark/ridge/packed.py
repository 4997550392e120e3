"""Sufficient statistics with X'X as its upper triangle, for thousands of pixels or features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.kernel.upper import Upper
from ridge_spark.ridge.statistics import Statistics


@dataclass(frozen=True, eq=False)
class PackedStatistics:
    """`Statistics` in a quarter of the memory, or in half where sums leave 32 bits.

    They add and subtract as those do: `counts` (classes,) and `sums` (classes, d), int64; `gram` is
    X'X.
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.int64]
    gram: Upper

    @classmethod
    def of(cls, statistics: Statistics) -> Self:
        return cls(statistics.counts.copy(), statistics.sums.copy(), Upper.of(statistics.gram))

    @property
    def n(self) -> int:
        """Number of images."""
        return int(self.counts.sum())

    @property
    def d(self) -> int:
        return self.gram.d

    @property
    def classes(self) -> int:
        return len(self.counts)

    @property
    def trace(self) -> int:
        """The sum of the squares of all numbers of all images."""
        return int(self.gram.diagonal().sum())

    def __iadd__(self, other: PackedStatistics) -> Self:
        np.add(self.counts, other.counts, out=self.counts)
        np.add(self.sums, other.sums, out=self.sums)
        self.gram.__iadd__(other.gram)
        return self

    def __add__(self, other: PackedStatistics) -> PackedStatistics:
        return PackedStatistics(
            self.counts + other.counts, self.sums + other.sums, self.gram + other.gram
        )

    def __sub__(self, other: PackedStatistics) -> PackedStatistics:
        """Statistics without the images of `other`; `InputError` if they can't have been in."""
        try:
            gram = self.gram - other.gram
        except ValueError as error:
            raise InputError(f"the images to remove were not all part of these: {error}") from error
        return PackedStatistics(self.counts - other.counts, self.sums - other.sums, gram)

    def unpacked(self) -> Statistics:
        return Statistics(self.counts, self.sums, self.gram.square())


AnyStatistics = Statistics | PackedStatistics
