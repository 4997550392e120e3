"""Ridge regression by one reduction to tridiagonal form, after which a further λ is nearly free."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.eigen import EigenSolver
from ridge_spark.ridge.lapack import call
from ridge_spark.ridge.solution import FEWEST_SPARE, Solution, generalised_cross_validation

BEYOND_DOUBT = 10  # times rounding error; nearer to singular, the eigenvalues themselves decide
WORK = 64  # numbers that LAPACK likes to have for each column


class TridiagonalSolver:
    """With Xc'Xc = Q T Q', Q orthogonal and T tridiagonal, and B = Q' Xc'Yc,

        W(λ) = Q F(λ),   (T + NλI) F = B

    An eigendecomposition begins like this, and goes on for three times as long to find vectors that
    nobody needs: a tridiagonal system is solved in some 5 a k operations for each λ, and the
    eigenvalues of T, for the degrees of freedom in GCV, come without vectors.
    After Eldén, BIT 17 (1977), who reduces X itself to bidiagonal form.

    Where T + NλI is singular to working precision, the eigendecomposition takes over for that λ and
    gives the weights of least norm. So it does where the weights nearly interpolate the images,
    since it alone has GCV right there.
    """

    def __init__(self, system: CentredSystem) -> None:
        self.system = system
        a = len(system.gram)
        if a < 2:  # nothing to reduce
            self.s = np.zeros(a)
            return
        # LAPACK wants columns first: the transpose of the symmetric matrix, which is itself.
        self.reduced = np.array(system.gram.T, order="F")
        self.diagonal, self.beside, self.scales = np.empty(a), np.empty(a - 1), np.empty(a - 1)
        tridiagonal = self.diagonal, self.beside, self.scales
        call("dsytrd", "L", a, self.reduced, a, *tridiagonal, np.empty(a * WORK), a * WORK)
        s, beside = self.diagonal.copy(), self.beside.copy()
        call("dsterf", a, s, beside)
        self.s = np.maximum(s, 0)
        self.rotated = self._rotate("T", np.array(system.cross, order="F"))

    def solve(self, lambdas: Float) -> Solution:
        lambdas = np.asarray(lambdas, np.float64)
        regular = self._is_regular(lambdas)
        if regular.all():
            return self._solve(lambdas)
        order = np.argsort(~regular, kind="stable")
        parts = [self._solve(lambdas[regular])] if regular.any() else []
        parts.append(self._eigen.solve(lambdas[~regular]))
        return Solution.join(parts).take(np.argsort(order))

    @cached_property
    def _eigen(self) -> EigenSolver:
        return EigenSolver(self.system)

    def _is_regular(self, lambdas: Float) -> NDArray[np.bool_]:
        """Where T + NλI can be solved as it is, and GCV does not cancel to noise."""
        if len(self.s) < 2:
            return np.zeros(len(lambdas), np.bool_)
        n, rounding = self.system.n, len(self.s) * np.finfo(np.float64).eps * self.s[-1]
        determined = self.s[0] + n * lambdas > BEYOND_DOUBT * rounding
        return determined & (self._spare(np.where(determined, lambdas, 1)) >= FEWEST_SPARE * n)

    def _spare(self, lambdas: Float) -> Float:
        """Degrees of freedom that are left, n - 1 - Σ s / (s + Nλ); shape (L,)."""
        n, a = self.system.n, len(self.s)
        n_lambda = n * lambdas[:, None]
        return n - 1 - a + (n_lambda / (self.s + n_lambda)).sum(axis=1)

    def _solve(self, lambdas: Float) -> Solution:
        n, (a, k), L = self.system.n, self.rotated.shape, len(lambdas)
        by_lambda, explained = np.empty((L, k, a)), np.empty(L)
        B = np.ascontiguousarray(self.rotated.T)
        for i, n_lambda in enumerate(n * lambdas):
            F, diagonal, beside = by_lambda[i], self.diagonal + n_lambda, self.beside.copy()
            F[:] = B
            call("dpttrf", a, diagonal, beside)
            call("dpttrs", a, k, diagonal, beside, F, a)
            # ‖Yc - XcW‖² with Xc'XcW = Xc'Yc - NλW put in, and rotated, which changes no length.
            explained[i] = np.vdot(F, B) + n_lambda * np.vdot(F, F)
        residual = np.maximum(self.system.target_ss.sum() - explained, 0.0)

        def find(places: NDArray[np.intp]) -> tuple[Float, Float]:
            columns = np.asfortranarray(by_lambda[places].reshape(-1, a).T)
            W = self._rotate("N", columns).T.reshape(-1, k, a)
            return self.system.to_pixels(W.transpose(0, 2, 1))

        return Solution(
            find=find,
            gcv=generalised_cross_validation(n, residual, self._spare(lambdas)),
            singular=np.zeros(L, np.bool_),
            rank=None,
        )

    def _rotate(self, transposed: str, columns: Float) -> Float:
        """Q columns, or Q' columns with "T", in place; `columns` (a, m) in Fortran's order.

        Q keeps the first pixel, and turns the others as the Q of a QR factorisation would, whose
        reflectors are what the reduction left below the diagonal.
        """
        a, m = columns.shape
        reflectors, below = self.reduced[1:], columns[1:]
        work = np.empty(WORK * m)
        call(
            "dormqr", "L", transposed, a - 1, m, a - 1, reflectors, a, self.scales, below, a,
            work, len(work),
        )  # fmt: skip
        return columns
