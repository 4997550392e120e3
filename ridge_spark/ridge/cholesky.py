"""Ridge regression by one Cholesky factorisation per λ, which workers can divide among them."""

from __future__ import annotations

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cost import Cost
from ridge_spark.ridge.lapack import call, integer_type
from ridge_spark.ridge.solution import Solution, StoredPath, generalised_cross_validation

COLUMNS_AT_A_TIME = 512
ESTIMATE = 10  # times LAPACK's estimate of the norm of an inverse is surely above it


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
        factor = np.array(self.system.gram.T, order="F")  # symmetric, so that this is a plain copy
        factor.flat[:: a + 1] += shift
        try:
            call("dpotrf", "L", a, factor, a)
        except LinAlgError:
            return None
        condition = reciprocal_condition(factor, self.norm + shift)
        if condition < a * np.finfo(np.float64).eps:
            return None
        least = condition * (self.norm + shift) / ESTIMATE - shift
        if not self.system.is_accurate(least, np.array(shift), self.norm):
            return None

        residual_dof = n - 1 - a + shift * _inverse_trace(factor)
        if residual_dof < self.system.least_residual_dof:
            return None

        W = np.array(self.system.cross, order="F")
        call("dpotrs", "L", a, W.shape[1], factor, a, W, a)
        explained, squares = (W * self.system.cross).sum(), (W * W).sum()
        residual = self.system.residual_ss(explained, squares, np.array(shift))
        return Solution(
            gcv=generalised_cross_validation(n, np.atleast_1d(residual), np.array([residual_dof])),
            singular=np.array([False]),
            path=StoredPath(*self.system.to_pixels(W.T[None])),
        )


def reciprocal_condition(factor: Float, norm: float) -> float:
    """LAPACK's estimate of 1 / (‖LL'‖₁ ‖(LL')⁻¹‖₁), with `norm` = ‖LL'‖₁."""
    a, found = len(factor), np.empty(1)
    work, integers = np.empty(3 * a), np.empty(a, integer_type("dpocon"))
    call("dpocon", "L", a, factor, a, norm, found, work, integers)
    return float(found[0])


def _inverse_trace(factor: Float) -> float:
    """Tr (LL')⁻¹ = ‖L⁻¹‖², a few columns of L⁻¹ at a time; they start on the diagonal."""
    a, total = len(factor), 0.0
    for start in range(0, a, COLUMNS_AT_A_TIME):
        width, rows = min(COLUMNS_AT_A_TIME, a - start), a - start
        columns = np.eye(rows, width, order="F")
        call("dtrtrs", "L", "N", "N", rows, width, factor[start:, start:], a, columns, rows)
        total += float(np.vdot(columns, columns))
    return total
