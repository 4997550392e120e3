"""XX' of vectors of floats about a point amid them, and from its solution the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.threads import blas_threads

SAMPLE = 25  # vectors, at most, whose median is near enough to where all of them are
TILE_BYTES = 2**26  # of the vectors that are copied to be shifted


@dataclass(frozen=True)
class FloatProducts:
    """Σ over columns of (x_i - shift)(x_j - shift)', `gram` (n, n), of the vectors X (n, d).

    Floats round: so the shift is amid the vectors, where centring takes little away from `gram`. It
    is a median, which no huge value moves.
    """

    X: NDArray[np.floating]
    shift: Float
    gram: Float

    @classmethod
    def of(cls, X: NDArray[np.floating], *, threads: int = 1) -> FloatProducts:
        shift = np.median(X[:: -(-len(X) // SAMPLE)], axis=0)
        gram = np.zeros((len(X), len(X)))
        with blas_threads(threads):
            for _, tile in _tiles(X, shift):
                gram += tile @ tile.T
        return cls(X, shift, gram)

    def weights(self, alpha: Float, target_mean: Float, *, threads: int = 1) -> tuple[Float, Float]:
        """`coef` = Xc'α (k, d) and `intercept` (k,) of α (k, n)."""
        coef, mean = np.empty((len(alpha), self.X.shape[1])), np.empty(self.X.shape[1])
        with blas_threads(threads):
            for columns, tile in _tiles(self.X, self.shift):
                delta = tile.mean(axis=0)
                coef[:, columns] = alpha @ np.subtract(tile, delta, out=tile)
                mean[columns] = self.shift[columns] + delta
        return coef, target_mean - coef @ mean


def _tiles(X: NDArray[np.floating], shift: Float) -> Iterator[tuple[slice, Float]]:
    """Columns of X - shift, some at a time."""
    width = max(1, TILE_BYTES // (8 * len(X)))
    for start in range(0, X.shape[1], width):
        columns = slice(start, start + width)
        yield columns, X[:, columns] - shift[columns]
