"""A subspace that grows, its orthonormal basis, and what a matrix makes of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ridge_spark.ridge.centring import Float

SAME_DIRECTION = 3e-7  # what is left of a new column, once all others are taken out of it


@dataclass
class Subspace:
    """Orthonormal rows V (m, a), their products GV (m, a) with the matrix, and T = V G V'."""

    product: Callable[[Float], Float]  # of rows (p, a) with the matrix
    a: int
    size: int = 0
    _V: Float = field(init=False)
    _GV: Float = field(init=False)

    def __post_init__(self) -> None:
        self._V, self._GV = np.empty((0, self.a)), np.empty((0, self.a))
        self.T = np.empty((0, 0))

    @property
    def V(self) -> Float:  # noqa: N802 - as in the formula
        return self._V[: self.size]

    @property
    def GV(self) -> Float:  # noqa: N802
        return self._GV[: self.size]

    def grow(self, Z: Float) -> None:
        """Add the directions of the rows of Z (p, a) that are new."""
        lengths = np.linalg.norm(Z, axis=1, keepdims=True)
        Z = Z[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]
        Z = self._without_own(self._without_own(Z))  # once leaves rounding error behind
        Z = self._without_own(orthonormal_rows(Z))
        new = orthonormal_rows(Z)
        self._make_room(len(new))
        rows = slice(self.size, self.size + len(new))
        self._V[rows] = new
        self._GV[rows] = self.product(new)
        self.size = rows.stop
        T = np.empty((self.size, self.size))
        T[: rows.start, : rows.start] = self.T
        T[rows] = self.GV[rows] @ self.V.T
        T[: rows.start, rows] = T[rows, : rows.start].T
        corner = T[rows, rows]
        T[rows, rows] = (corner + corner.T) / 2
        self.T = T

    def _without_own(self, Z: Float) -> Float:
        return Z - (Z @ self.V.T) @ self.V

    def _make_room(self, rows: int) -> None:
        if self.size + rows > len(self._V):
            more = np.empty((max(rows, len(self._V) // 2, 64), self.a))
            self._V = np.concatenate([self._V, more])
            self._GV = np.concatenate([self._GV, more])


def orthonormal_rows(Z: Float) -> Float:
    """An orthonormal basis of the rows of Z (p, a), of lengths up to 1, but for what is rounding.

    By the eigenvectors of ZZ', which costs two products. Done twice, it is as good as any other.
    """
    eigenvalues, vectors = np.linalg.eigh(Z @ Z.T)
    new = eigenvalues > SAME_DIRECTION**2
    return (vectors[:, new] / np.sqrt(eigenvalues[new])).T @ Z
