"""Which fold an image is in: a hash of the seed and its row number, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Folds:
    """How images are held out while λ is chosen.

    Every image belongs to one of `groups` groups. Each of the first `held_out` groups is left out
    of the fit once and scored by what was fitted without it: K folds have K groups, all of them
    held out in turn; a holdout has two groups, of which only the first is.
    """

    groups: int
    held_out: int
    fraction: float  # share of the images in each group that is held out
    seed: int

    @classmethod
    def k(cls, folds: int, seed: int = 0) -> Folds:
        return cls(folds, folds, 1 / folds, seed)

    @classmethod
    def holdout(cls, fraction: float, seed: int = 0) -> Folds:
        return cls(2, 1, fraction, seed)

    @classmethod
    def none(cls, seed: int = 0) -> Folds:
        """One group, and no image held out."""
        return cls(1, 0, 1.0, seed)

    def assign(self, first_row: int, rows: int) -> NDArray[np.intp]:
        """Group of each of the images first_row, ..., first_row + rows - 1; shape (rows,).

        With u in [0, 1) the hash of (seed, row), the group is ⌊u / fraction⌋, and the last group
        takes the rest.
        """
        # The last group first: of a tiny fraction, the quotient would not fit an integer.
        group = np.minimum(self._uniform(first_row, rows) / self.fraction, self.groups - 1)
        return group.astype(np.intp)

    def _uniform(self, first_row: int, rows: int) -> NDArray[np.floating]:
        row = np.arange(first_row, first_row + rows, dtype=np.uint64)
        start = splitmix64(np.array([self.seed], dtype=np.int64).astype(np.uint64))
        return _to_unit(splitmix64(start + row))


def uniform(seed: int, purpose: int, numbers: NDArray[np.integer]) -> NDArray[np.floating]:
    """Random numbers in [0, 1): a hash of the seed, what they are for, and `numbers`."""
    return _to_unit(hashes(seed, purpose, numbers))


def hashes(seed: int, purpose: int, numbers: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Random 64-bit numbers: a hash of the seed, what they are for, and `numbers`."""
    start = splitmix64(np.array([seed], np.int64).astype(np.uint64))
    start = splitmix64(start ^ np.uint64(purpose))
    return splitmix64(start + numbers.astype(np.uint64))


def _to_unit(bits: NDArray[np.uint64]) -> NDArray[np.floating]:
    return (bits >> np.uint64(11)) * 2.0**-53


def splitmix64(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One output of SplitMix64 from state x (Steele, Lea and Flood, OOPSLA 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
