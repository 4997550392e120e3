"""Ridge regression by one eigendecomposition, after which a further λ is nearly free."""

from __future__ import annotations

import numpy as np

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.solution import Solution, generalised_cross_validation


class EigenSolver:
    """With Xc'Xc = V diag(s) V' and B = V' Xc'Yc,

        W(λ) = V diag(1 / (s + Nλ)) B

    An eigenvalue s + Nλ that is zero to working precision, at most a·ε times the largest, counts as
    zero and its direction is left out: the weights of least norm. The normal equations square the
    condition number of X, so directions of X below about 1e-8 of the largest are lost at λ = 0.
    """

    def __init__(self, system: CentredSystem) -> None:
        self.system = system
        s, self.vectors = np.linalg.eigh(system.gram)
        self.s = np.maximum(s, 0)
        largest = self.s[-1] if len(s) else 0.0
        self.negligible = len(s) * np.finfo(np.float64).eps * largest
        self.rotated = self.vectors.T @ system.cross

    def solve(self, lambdas: Float) -> Solution:
        shifted = self.s + self.system.n * np.asarray(lambdas, np.float64)[:, None]  # (L, a)
        kept = shifted > self.negligible
        inverse = np.divide(1.0, shifted, out=np.zeros_like(shifted), where=kept)

        filtered = inverse[:, :, None] * self.rotated  # (L, a, k)
        coef, intercept = self.system.to_pixels(np.matmul(self.vectors, filtered))

        explained = 2 * inverse - self.s * inverse**2
        residual = self.system.target_ss.sum() - explained @ (self.rotated**2).sum(axis=1)
        return Solution(
            coef=coef,
            intercept=intercept,
            gcv=generalised_cross_validation(
                self.system.n, np.maximum(residual, 0), inverse @ self.s
            ),
            singular=~kept.all(axis=1),
            rank=int((self.s > self.negligible).sum()),
        )
