"""Ridge regression by one eigendecomposition, after which a further λ is nearly free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cost import Cost
from ridge_spark.ridge.solution import Indices, Solution, generalised_cross_validation


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
        self.tolerance = len(s) * np.finfo(np.float64).eps * largest
        self.determined = self.s > self.tolerance
        self.rotated = system.in_range(self.vectors.T @ system.cross, self.determined)
        self.rank = int(self.determined.sum())

    @staticmethod
    def cost(a: int, lambdas: int) -> Cost:
        """The reduction to tridiagonal form, and vectors by divide and conquer: 8/3 a³ at most."""
        return Cost(operations=10 / 3 * a**3, traffic=4 / 3 * a**3, memory=24 * a * a)

    def solve(self, lambdas: Float) -> Solution:
        n_lambda = self.system.n * np.asarray(lambdas, np.float64)[:, None]
        shifted = self.s + n_lambda  # (L, a)
        kept = shifted > self.tolerance
        inverse = np.divide(1.0, shifted, out=np.zeros_like(shifted), where=kept)
        return Solution(
            gcv=self._gcv(n_lambda),
            singular=~kept.all(axis=1),
            path=EigenPath(self, inverse),
            rank=self.rank,
        )

    def _gcv(self, n_lambda: Float) -> Float:
        """GCV from sums without cancellation: it stays right as all of it goes to 0 with λ.

        With t = Nλ / (s + Nλ) the part of a direction that is not fitted,

            ‖Y - Ŷ‖² = (what no weights explain) + Σ t² b'b/s,    n - 1 - df = n - 1 - rank + Σ t
        """
        n, rank, s = self.system.n, self.rank, self.s[self.determined]
        explainable = self.system.explainable(self.rotated[self.determined], s)
        # With as many directions as images, they explain all: the difference is rounding error.
        left = self.system.target_ss.sum() - explainable.sum() if rank < n - 1 else 0.0
        unfitted = n_lambda / (s + n_lambda)
        # Sums of a row alone: of the same bits for one λ as for a grid.
        residual = max(left, 0.0) + (unfitted**2 * explainable).sum(axis=1)
        residual_dof = max(n - 1 - rank, 0) + unfitted.sum(axis=1)
        return generalised_cross_validation(n, residual, residual_dof)


@dataclass(frozen=True)
class EigenPath:
    """Lazy: W(λ) = V diag(1 / (s + Nλ)) B, from those factors (L, a), when it is asked for."""

    solver: EigenSolver
    inverse: Float

    def __len__(self) -> int:
        return len(self.inverse)

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        filtered = self.inverse[indices, :, None] * self.solver.rotated  # (m, a, k)
        W = np.matmul(self.solver.vectors, filtered)
        return self.solver.system.to_pixels(W.swapaxes(-1, -2))
