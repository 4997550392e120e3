"""The upper triangle of a symmetric matrix of sums: half of its memory, or a quarter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

EXACT_ROWS = 2**16  # 255² · 2^16 < 2^32: as many images as 32-bit sums can surely take
# Whole runs of panels of every kernel (integer.py), so that all cut alike.
STRIP_ROWS = 768
MOST = 2**32 - 1
MIRROR_ROWS = 16  # at a time: as many columns are then written, and their cache lines stay in reach

Whole = NDArray[np.uint32] | NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Upper:
    """A symmetric (d, d) matrix of integers, none below 0.

    strips[k] has the rows from r = k · STRIP_ROWS on, STRIP_ROWS of them or those that there are,
    and of each the columns from r to d - 1; uint32 where all its numbers fit, int64 where not. What
    is below the diagonal in it is 0.
    """

    d: int
    strips: list[Whole]

    @classmethod
    def of(cls, gram: NDArray[np.int64]) -> Self:
        d = len(gram)
        return cls(d, [packed(gram[r : r + STRIP_ROWS, r:]) for r in range(0, d, STRIP_ROWS)])

    def diagonal(self) -> NDArray[np.int64]:
        return np.concatenate([np.diagonal(strip).astype(np.int64) for strip in self.strips])

    def part(self, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.int64]:
        """Some rows and columns, numbers in order; what is below the diagonal is any number."""
        found = np.zeros((len(rows), len(columns)), np.int64)
        strip_of = rows // STRIP_ROWS
        for k in range(strip_of[0], strip_of[-1] + 1):
            i, first = strip_of == k, np.searchsorted(columns, k * STRIP_ROWS)
            strip = self.strips[k][rows[i] - k * STRIP_ROWS]
            found[i, first:] = strip[:, columns[first:] - k * STRIP_ROWS]
        return found

    def __iadd__(self, other: Upper) -> Self:
        if self.d != other.d:
            raise ValueError(f"matrices of {self.d} and {other.d} rows do not add up")
        for k, more in enumerate(other.strips):
            self.strips[k] = _sum(self.strips[k], more)
        return self

    def __add__(self, other: Upper) -> Upper:
        found = Upper(self.d, list(self.strips))  # whose strips are replaced, not changed
        found += other
        return found

    def __sub__(self, other: Upper) -> Upper:
        """The difference; `ValueError` where a number would be below 0."""
        pairs = zip(self.strips, other.strips, strict=True)
        return Upper(self.d, [_difference(mine, theirs) for mine, theirs in pairs])

    def square(self) -> NDArray[np.int64]:
        """The whole matrix."""
        gram = np.empty((self.d, self.d), np.int64)
        for k, strip in enumerate(self.strips):
            r = k * STRIP_ROWS
            gram[r : r + len(strip), r:] = strip
        mirror(gram)
        return gram


def packed(strip: NDArray[np.int64]) -> Whole:
    """A strip as `Upper` has it, from the same part of the matrix."""
    found = narrowed(strip)
    corner = found[:, : len(found)]
    corner[:] = np.triu(corner)
    return found


def narrowed(strip: NDArray[np.int64]) -> Whole:
    """The same numbers in 32 bits where they fit, else as they are; always a copy."""
    if strip.max(initial=0) <= MOST:
        return strip.astype(np.uint32)
    return strip.copy()


def _sum(mine: Whole, more: Whole) -> Whole:
    return narrowed(np.add(mine, more, dtype=np.int64, casting="unsafe"))


def _difference(mine: Whole, theirs: Whole) -> Whole:
    left = np.subtract(mine, theirs, dtype=np.int64, casting="unsafe")
    if left.min(initial=0) < 0:
        raise ValueError("a number would be below 0")
    return narrowed(left)


def mirror(gram: NDArray[np.int64]) -> None:
    """Copy the upper triangle of the square `gram` to the lower one, in place."""
    d = len(gram)
    for start in range(0, d, MIRROR_ROWS):
        stop = min(start + MIRROR_ROWS, d)
        gram[stop:, start:stop] = gram[start:stop, stop:].T
        corner = gram[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
