"""Ridge regression by one Cholesky factorisation per λ, which workers can share out."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.lapack import dpocon

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.eigen import EigenSolver
from ridge_spark.ridge.solution import FEWEST_SPARE, Solution, generalised_cross_validation

COLUMNS_AT_A_TIME = 512


class CholeskySolver:
    """With Xc'Xc + NλI = LL',  W(λ) = L'⁻¹ L⁻¹ Xc'Yc, by two triangular solves.

    Where the matrix is singular to working precision, by LAPACK's estimate of its condition, the
    eigendecomposition takes over for that λ and gives the weights of least norm. So it does where
    the weights nearly interpolate the images, since it alone has GCV right there.
    """

    def __init__(self, system: CentredSystem) -> None:
        self.system = system
        self.norm = np.abs(system.gram).sum(axis=0).max(initial=0.0)

    def solve(self, lambdas: Float) -> Solution:
        return Solution.join([self._solve_one(float(lam)) for lam in lambdas])

    @cached_property
    def _eigen(self) -> EigenSolver:
        return EigenSolver(self.system)

    def _solve_one(self, lam: float) -> Solution:
        n, a = self.system.n, len(self.system.gram)
        if not a:  # LAPACK would complain of it on the terminal
            return self._eigen.solve(np.array([lam]))
        shift = n * lam
        shifted = self.system.gram + shift * np.eye(a)
        try:
            factor, lower = cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return self._eigen.solve(np.array([lam]))
        reciprocal_condition, _ = dpocon(factor, self.norm + shift, uplo="L")
        if reciprocal_condition < a * np.finfo(np.float64).eps:
            return self._eigen.solve(np.array([lam]))

        spare = n - 1 - a + shift * _inverse_trace(factor)
        if spare < FEWEST_SPARE * n:
            return self._eigen.solve(np.array([lam]))

        W = cho_solve((factor, lower), self.system.cross, check_finite=False)
        coef, intercept = self.system.to_pixels(W[None])
        # ‖Yc - XcW‖² with Xc'XcW = Xc'Yc - NλW put in: no product with Xc'Xc is needed.
        explained = (W * self.system.cross).sum() + shift * (W * W).sum()
        residual = max(self.system.target_ss.sum() - explained, 0.0)
        return Solution.of(
            coef=coef,
            intercept=intercept,
            gcv=generalised_cross_validation(n, np.array([residual]), np.array([spare])),
            singular=np.array([False]),
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
