"""Ridge regression on fewer images than pixels, from their products XX', as exact as from X'X."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.kernel import accumulator
from ridge_spark.ridge.solution import Indices, Solution, generalised_cross_validation

PIXELS_AT_ONCE = 4096


def products_of_images(X: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.int64]:
    """XX' (n, n) of X (n, d), exactly: the sums over tiles of pixels, which add in any order."""
    n, d = X.shape
    sums, one_class = accumulator(n, 1, threads=threads), np.zeros(PIXELS_AT_ONCE, np.int64)
    for start in range(0, d, PIXELS_AT_ONCE):
        tile = X[:, start : start + PIXELS_AT_ONCE].T
        sums.add(tile, one_class[: len(tile)])
    return sums.finish()[0][2]


def centre_products(products: NDArray[np.int64]) -> Float:
    """XcXc' from the integers XX', with one rounding at the very end.

    With r_i the sum of a row, r_i = n q_i + p_i, and the sum of all s = n² u + v,

        (XcXc')_ij = X X'_ij - (r_i + r_j) / n + s / n² = (XX'_ij - q_i - q_j + u) - (p_i + p_j) / n
                     + v / n²

    whose bracket is an integer.
    """
    n = len(products)
    q, p = np.divmod(products.sum(axis=1), n)
    u, v = divmod(int(n * q.sum() + p.sum()), n * n)
    centred = (products - q[:, None] - q + u).astype(np.float64)
    centred -= (p[:, None] + p) / n - v / n**2
    return centred


class DualSolver:
    """With XcXc' = U diag(s) U' and α(λ) = U diag(1 / (s + nλ)) U'Yc,  W(λ) = Xc'α(λ).

    The residuals are Yc - XcW = nλ α, and the degrees of freedom those of the primal system: both
    matrices have the same eigenvalues but for zeros. Those of s that are zero to working precision
    are left out: weights of least norm. Saunders, Gammerman and Vovk, ICML 1998.
    """

    def __init__(
        self, centred: Float, labels: NDArray[np.integer], classes: int, X: NDArray[np.generic]
    ) -> None:
        self.X, self.n = X, len(labels)
        counts = np.bincount(labels, minlength=classes)
        self.target_mean = (2 * counts - self.n) / self.n
        Yc = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0) - self.target_mean
        s, U = np.linalg.eigh(centred)
        kept = s > self.n * np.finfo(np.float64).eps * max(s[-1], 0.0)
        self.s, self.U = s[kept], U[:, kept]
        self.rotated = self.U.T @ Yc
        left = (Yc**2).sum() - (self.rotated**2).sum()  # what no weights explain
        self.unexplained = max(float(left), 0.0) if kept.sum() < self.n - 1 else 0.0

    def solve(self, lambdas: Float) -> Solution:
        n, rank = self.n, len(self.s)
        n_lambda = n * np.asarray(lambdas, np.float64)[:, None]
        unfitted = n_lambda / (self.s + n_lambda)
        squares = (self.rotated**2).sum(axis=1)
        residual = self.unexplained + (unfitted**2 * squares).sum(axis=1)
        residual_dof = max(n - 1 - rank, 0) + unfitted.sum(axis=1)
        largest = float(self.s.max(initial=0.0))
        return Solution(
            gcv=generalised_cross_validation(n, residual, residual_dof),
            singular=n_lambda[:, 0] <= self.X.shape[1] * np.finfo(np.float64).eps * largest,
            path=DualPath(self, n_lambda[:, 0]),
            rank=rank,
        )

    def alpha(self, n_lambda: Float) -> Float:
        """α' (m, k, n) for m values of nλ; its rows add up to 0."""
        scaled = self.rotated.T / (self.s + n_lambda[:, None, None])
        return scaled @ self.U.T


@dataclass(frozen=True)
class DualPath:
    """Lazy: W(λ) = X'α(λ), by one pass over the images, when it is asked for."""

    solver: DualSolver
    n_lambda: Float

    def __len__(self) -> int:
        return len(self.n_lambda)

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        alpha = self.solver.alpha(self.n_lambda[indices])
        X, (m, k, n) = self.solver.X, alpha.shape
        coef, rows = np.empty((m, k, X.shape[1])), alpha.reshape(m * k, n)
        intercept = np.zeros((m, k)) + self.solver.target_mean
        for start in range(0, X.shape[1], PIXELS_AT_ONCE):
            pixels = slice(start, start + PIXELS_AT_ONCE)
            tile = X[:, pixels].astype(np.float64)
            mean = tile.mean(axis=0)
            coef[..., pixels] = (rows @ (tile - mean)).reshape(m, k, -1)
            intercept -= coef[..., pixels] @ mean
        return coef, intercept


def held_out_correct(
    products: NDArray[np.int64],
    labels: NDArray[np.integer],
    classes: int,
    folds: Folds,
    lambdas: Float,
    X: NDArray[np.generic],
) -> NDArray[np.int64]:
    """Held-out images that each λ classifies correctly, fitted without them: (held-out groups, L).

    The products of the kept images are a sub-matrix, and so are those of the others with them,
    which is all that their scores need: no further pass over the images.
    """
    group_of = folds.assign(0, len(labels))
    correct = np.zeros((folds.held_out, len(lambdas)), np.int64)
    for group in range(folds.held_out):
        out, kept = np.flatnonzero(group_of == group), np.flatnonzero(group_of != group)
        inside = products[np.ix_(kept, kept)]
        solver = DualSolver(centre_products(inside), labels[kept], classes, X)
        # Scores about the mean of the kept images; α adds up to 0, so that constants drop out.
        across = products[np.ix_(out, kept)] - inside.mean(axis=0)
        for i, n_lambda in enumerate(len(kept) * lambdas):
            alpha = solver.alpha(np.array([n_lambda]))[0]
            scores = across @ alpha.T + solver.target_mean
            correct[group, i] = (scores.argmax(axis=1) == labels[out]).sum()
    return correct
