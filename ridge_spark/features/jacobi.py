"""Eigenvectors of a symmetric matrix with the same bits on every machine.

Library routines add in an order that follows the processor. Jacobi's method needs nothing but
elementwise operations, each correctly rounded; rotations of one round are of disjoint pairs of rows
and commute, so that they are done together (the round-robin order of Brent and Luk, 1985).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SWEEPS = 30  # far more than it ever takes; convergence is quadratic in the end
TOLERANCE = 1e-14


def symmetric_eigen(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues (K,) and eigenvectors (K, K), one a column, of a symmetric matrix; unordered.

    A = V diag(e) V'. `ValueError` if it does not converge, which no finite matrix is known to do.
    """
    K = len(matrix)
    size = K + K % 2
    A = np.zeros((size, size))
    A[:K, :K] = matrix
    V = np.eye(size)
    tiny = TOLERANCE * np.abs(A).max()
    for _ in range(SWEEPS):
        off_diagonal = np.abs(A - np.diag(A.diagonal())).max()
        if off_diagonal <= tiny:
            return A.diagonal()[:K].copy(), V[:K, :K].copy()
        for p, q in _rounds(size):
            _rotate(A, V, p, q)
    raise ValueError("the eigenvalues of the patches' covariance can't be found")


def _rounds(size: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Each pair (p, q) once, in rounds of disjoint pairs: one player stays, the others move on."""
    players = np.arange(size)
    rounds = []
    for _ in range(size - 1):
        first, second = players[: size // 2], players[size // 2 :][::-1]
        rounds.append((np.minimum(first, second), np.maximum(first, second)))
        players = np.concatenate([players[:1], players[-1:], players[1:-1]])
    return rounds


def _rotate(A: NDArray, V: NDArray, p: NDArray[np.intp], q: NDArray[np.intp]) -> None:
    """Make A[p, q] zero by rotations of the rows and columns p and q; V takes the same columns."""
    apq, app, aqq = A[p, q], A[p, p], A[q, q]
    zero = apq == 0
    theta = (aqq - app) / (2 * np.where(zero, 1.0, apq))
    size = np.abs(theta)
    # Beyond 1e150 its square would be infinite, and 1 / 2θ is the tangent to all digits.
    capped = np.minimum(size, 1e150)
    t = 1 / (capped + np.sqrt(capped * capped + 1))
    t = np.where(zero, 0.0, np.where(theta < 0, -t, t))
    c = 1 / np.sqrt(t * t + 1)
    s = t * c
    rows_p, rows_q = A[p], A[q]
    A[p], A[q] = (
        c[:, None] * rows_p - s[:, None] * rows_q,
        s[:, None] * rows_p + c[:, None] * rows_q,
    )
    for M in (A, V):
        columns_p, columns_q = M[:, p], M[:, q]
        M[:, p], M[:, q] = c * columns_p - s * columns_q, s * columns_p + c * columns_q
    A[p, q] = A[q, p] = 0.0
