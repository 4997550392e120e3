"""Ridge regression by one Cholesky factorisation per λ, which workers can divide among them."""

from __future__ import annotations

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.lapack import dpocon

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cost import Cost
from ridge_spark.ridge.solution import (
    MIN_RESIDUAL_DOF,
    Solution,
    StoredPath,
    generalised_cross_validation,
)

COLUMNS_AT_A_TIME = 512


class CholeskySolver:
    """With Xc'Xc + NλI = LL',  W(λ) = L'⁻¹ L⁻¹ Xc'Yc, by two triangular solves.

    It has no answer where the matrix is singular to working precision, by LAPACK's estimate of its
    condition, nor where the weights nearly interpolate the images.
    """

    def __init__(self, system: CentredSystem) -> None:
        self.system = system
        self.norm = np.abs(system.gram).sum(axis=0).max(initial=0.0)

    @staticmethod
    def cost(a: int, lambdas: int) -> Cost:
        """For each λ a³/3 operations to factorise and as many for the trace of the inverse."""
        return Cost(operations=lambdas * 2 / 3 * a**3, traffic=0, memory=8 * a * a)

    def attempt(self, lambdas: Float) -> tuple[NDArray[np.bool_], Solution | None]:
        found = [self._solve_one(float(lam)) for lam in lambdas]
        parts = [part for part in found if part is not None]
        return np.array([part is not None for part in found]), Solution.join(
            parts
        ) if parts else None

    def _solve_one(self, lam: float) -> Solution | None:
        n, a = self.system.n, len(self.system.gram)
        if not a:  # LAPACK would complain of it on the terminal
            return None
        shift = n * lam
        shifted = self.system.gram + shift * np.eye(a)
        try:
            factor, lower = cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        reciprocal_condition, _ = dpocon(factor, self.norm + shift, uplo="L")
        if reciprocal_condition < a * np.finfo(np.float64).eps:
            return None

        residual_dof = n - 1 - a + shift * _inverse_trace(factor)
        if residual_dof < MIN_RESIDUAL_DOF * n:
            return None

        W = cho_solve((factor, lower), self.system.cross, check_finite=False)
        # ‖Yc - XcW‖² with Xc'XcW = Xc'Yc - NλW put in: no product with Xc'Xc is needed.
        explained = (W * self.system.cross).sum() + shift * (W * W).sum()
        residual = max(self.system.target_ss.sum() - explained, 0.0)
        return Solution(
            gcv=generalised_cross_validation(n, np.array([residual]), np.array([residual_dof])),
            singular=np.array([False]),
            path=StoredPath(*self.system.to_pixels(W.T[None])),
        )


def _inverse_trace(factor: Float) -> float:
    """Tr (LL')⁻¹ = ‖L⁻¹‖², a few columns of L⁻¹ at a time; they start on the diagonal."""
    a, total = len(factor), 0.0
    for start in range(0, a, COLUMNS_AT_A_TIME):
        width = min(COLUMNS_AT_A_TIME, a - start)
        unit = np.eye(a - start, width)
        columns = solve_triangular(
            factor[start:, start:], unit, lower=True, overwrite_b=True, check_finite=False
        )
        total += float((columns * columns).sum())
    return total
