"""Ridge regression by one reduction to tridiagonal form, after which a further λ is nearly free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cost import Cost
from ridge_spark.ridge.lapack import call
from ridge_spark.ridge.solution import Indices, Solution, generalised_cross_validation

BEYOND_DOUBT = 10  # times rounding error; nearer to singular, the eigenvalues themselves decide
WORK = 64  # numbers that LAPACK likes to have for each column


class TridiagonalSolver:
    """With Xc'Xc = Q T Q', Q orthogonal and T tridiagonal, and B = Q' Xc'Yc,

        W(λ) = Q F(λ),   (T + NλI) F = B

    An eigendecomposition begins like this, and goes on for three times as long to find vectors that
    nobody needs: a tridiagonal system is solved in some 5 a k operations for each λ, and the
    eigenvalues of T, for the degrees of freedom in GCV, come without vectors.
    After Eldén, BIT 17 (1977), who reduces X itself to bidiagonal form.

    It has no answer where T + NλI is singular to working precision, nor where the weights nearly
    interpolate the images.
    """

    def __init__(self, system: CentredSystem) -> None:
        self.system = system
        a = len(system.gram)
        if a < 2:  # nothing to reduce
            self.s = np.zeros(a)
            return
        # LAPACK wants columns first: the transpose of the symmetric matrix, which is itself.
        self.reduced = np.array(system.gram.T, order="F")
        self.diagonal, self.off_diagonal, self.tau = np.empty(a), np.empty(a - 1), np.empty(a - 1)
        tridiagonal = self.diagonal, self.off_diagonal, self.tau
        call("dsytrd", "L", a, self.reduced, a, *tridiagonal, np.empty(a * WORK), a * WORK)
        s, off_diagonal = self.diagonal.copy(), self.off_diagonal.copy()
        call("dsterf", a, s, off_diagonal)
        self.s = np.maximum(s, 0)
        self.rotated = self.rotate("T", np.array(system.cross, order="F"))

    @staticmethod
    def cost(a: int, lambdas: int) -> Cost:
        """Of 4/3 a³ operations half are products of matrices, half of a matrix and a vector."""
        return Cost(operations=2 / 3 * a**3, traffic=4 / 3 * a**3, memory=8 * a * a)

    def attempt(self, lambdas: Float) -> tuple[NDArray[np.bool_], Solution | None]:
        regular = self._is_regular(lambdas)
        return regular, self._solve(lambdas[regular]) if regular.any() else None

    def _is_regular(self, lambdas: Float) -> NDArray[np.bool_]:
        """Where T + NλI can be solved as it is, and GCV does not cancel to noise."""
        if len(self.s) < 2:
            return np.zeros(len(lambdas), np.bool_)
        n, rounding = self.system.n, len(self.s) * np.finfo(np.float64).eps * self.s[-1]
        determined = self.s[0] + n * lambdas > BEYOND_DOUBT * rounding
        determined &= self.system.is_accurate(self.s[0], n * lambdas, self.s[-1])
        residual_dof = self._residual_dof(np.where(determined, lambdas, 1))
        return determined & (residual_dof >= self.system.least_residual_dof)

    def _residual_dof(self, lambdas: Float) -> Float:
        """Of each λ, n - 1 - Σ s / (s + Nλ); shape (L,)."""
        n, a = self.system.n, len(self.s)
        n_lambda = n * lambdas[:, None]
        return n - 1 - a + (n_lambda / (self.s + n_lambda)).sum(axis=1)

    def _solve(self, lambdas: Float) -> Solution:
        n, (a, k), L = self.system.n, self.rotated.shape, len(lambdas)
        by_lambda, explained, squares = np.empty((L, k, a)), np.empty(L), np.empty(L)
        B = np.ascontiguousarray(self.rotated.T)
        for i, n_lambda in enumerate(n * lambdas):
            F, diagonal, off_diagonal = (
                by_lambda[i],
                self.diagonal + n_lambda,
                self.off_diagonal.copy(),
            )
            F[:] = B
            call("dpttrf", a, diagonal, off_diagonal)
            call("dpttrs", a, k, diagonal, off_diagonal, F, a)
            # Of W and Xc'Yc both rotated, which changes no length and no angle.
            explained[i], squares[i] = np.vdot(F, B), np.vdot(F, F)
        residual = self.system.residual_ss(explained, squares, n * lambdas)
        return Solution(
            gcv=generalised_cross_validation(n, residual, self._residual_dof(lambdas)),
            singular=np.zeros(L, np.bool_),
            path=RotatedPath(self, by_lambda),
        )

    def rotate(self, transposed: str, columns: Float) -> Float:
        """Q columns, or Q' columns with "T", in place; `columns` (a, m) in Fortran's order.

        Q keeps the first pixel, and turns the others as the Q of a QR factorisation would, whose
        reflectors are what the reduction left below the diagonal.
        """
        a, m = columns.shape
        reflectors, below = self.reduced[1:], columns[1:]
        work = np.empty(WORK * m)
        call(
            "dormqr", "L", transposed, a - 1, m, a - 1, reflectors, a, self.tau, below, a,
            work, len(work),
        )  # fmt: skip
        return columns


@dataclass(frozen=True)
class RotatedPath:
    """Lazy: W(λ) = Q F(λ) from F (L, k, a), when it is asked for."""

    solver: TridiagonalSolver
    by_lambda: Float

    def __len__(self) -> int:
        return len(self.by_lambda)

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        _, k, a = self.by_lambda.shape
        columns = np.asfortranarray(self.by_lambda[indices].reshape(-1, a).T)
        W = self.solver.rotate("N", columns).T.reshape(-1, k, a)
        return self.solver.system.to_pixels(W)
