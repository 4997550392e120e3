"""Ridge regression whose matrix is an operator: one subspace for all λ, grown by products alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.nystrom import Nystrom
from ridge_spark.ridge.operator import Operator, OperatorSystem
from ridge_spark.ridge.solution import Solution, StoredPath
from ridge_spark.ridge.subspace import Subspace
from ridge_spark.ridge.threads import blas_threads

TOLERANCE = 1e-10  # of ‖Xc'Yc - (Xc'Xc + NλI) W‖ beside ‖Xc'Yc‖: what the iteration goes on for
CONVERGED = 1e-8  # and what it must have come to
COLUMNS = 32  # of a product: it takes hardly longer than one, so several λ are worked on at a time
IDLE = 8  # steps in a row that have gained next to nothing, and others are taken to gain no more
GAIN = 0.9

RANK = 256  # of the sketch: directions whose eigenvalues the preconditioner knows
MOST_COLUMNS = 2000  # of the subspace, where its 32 d bytes a column fit the memory
FRACTION_OF_MEMORY = 2  # one part of so many is for the subspace

# Called with the steps so far, and the index and the residual of the λ that is worked on.
Watch = Callable[[int, int, float], None]


def most_columns(d: int, memory: int) -> int:
    """As many columns of the subspace as the memory, in bytes, has room for while it grows."""
    return min(d, MOST_COLUMNS, max(1, memory // FRACTION_OF_MEMORY // (32 * d)))


@dataclass
class OperatorSolver:
    """With orthonormal rows V (m, d) that span a subspace that serves every λ,

        W(λ) = (V Xc'Xc V' + NλI)⁻¹ V Xc'Yc,  as rows (k, m), times V

    is of all weights in it the nearest to the solution in the norm of the system, for every λ at
    once. From the largest λ to the smallest, while the residual R of one is too large, the subspace
    grows by M⁻¹R, all classes of it and of the next few λ as one block, each with the
    preconditioner M of its λ. What it holds is 2 m d numbers, of at most `most_columns` = m.

    A λ whose residual stays too large is not converged. GCV is not known: NaN.
    """

    operator: Operator
    system: OperatorSystem
    preconditioner: Nystrom
    most_columns: int
    watch: Watch = lambda steps, index, residual: None

    def solve(self, lambdas: Float) -> Solution:
        with blas_threads(1):  # in the same order wherever it runs
            return self._solve(lambdas)

    def _solve(self, lambdas: Float) -> Solution:
        B, shifts = self.system.cross, self.system.n * lambdas
        subspace = Subspace(self.operator.product, B.shape[1])
        left = np.argsort(-lambdas, kind="stable").tolist()
        steps, idle, best = 0, 0, np.inf
        while left:
            Z, worst = self._directions(subspace, shifts[left[: max(1, COLUMNS // len(B))]])
            self.watch(steps, left[0], worst)
            idle = idle + 1 if worst > GAIN * best else 0
            best = min(best, worst)
            if worst <= TOLERANCE or idle == IDLE:
                left.pop(0)
                idle, best = 0, np.inf
                continue
            before = subspace.size
            if before + len(Z) > self.most_columns:
                break
            subspace.grow(Z)
            steps += 1
            if subspace.size == before:
                break
        return self._solution(subspace, shifts)

    def _directions(self, subspace: Subspace, shifts: Float) -> tuple[Float, float]:
        """M⁻¹R of all residuals that are too large, and the largest of those of the first λ."""
        Z, worst, rotated = [], 0.0, subspace.V @ self.system.cross.T
        for i, shift in enumerate(shifts):
            R = self._residual(subspace, rotated, float(shift))[1]
            sizes = self.operator.agree(np.linalg.norm(R, axis=1) / self._norms)
            worst = worst if i else float(sizes.max(initial=0.0))
            large = R[sizes > TOLERANCE]
            Z.append(self.preconditioner.solve(large, float(shift)))
        return self.operator.agree(np.concatenate(Z)), worst

    @cached_property
    def _norms(self) -> Float:
        norms = np.linalg.norm(self.system.cross, axis=1)
        return np.where(norms > 0, norms, 1.0)

    def _residual(self, subspace: Subspace, rotated: Float, shift: float) -> tuple[Float, Float]:
        """The best weights of the subspace (k, d), and their residual (k, d), of V Xc'Yc (m, k)."""
        V, GV, B = subspace.V, subspace.GV, self.system.cross
        if not subspace.size:
            return np.zeros_like(B), B
        shifted = subspace.T.copy()
        shifted.flat[:: len(shifted) + 1] += shift
        try:
            Y = cho_solve(cho_factor(shifted, lower=True), rotated).T
        except LinAlgError:  # no penalty worth the name, and pixels that depend on each other
            Y = np.linalg.lstsq(shifted, rotated)[0].T
        W = Y @ V
        return W, B - Y @ GV - shift * W

    def _solution(self, subspace: Subspace, shifts: Float) -> Solution:
        """Of the whole grid, from the subspace as it is in the end."""
        L = len(shifts)
        W, residual = np.zeros((L, *self.system.cross.shape)), np.zeros(L)
        rotated = subspace.V @ self.system.cross.T
        for i, shift in enumerate(shifts):
            W[i], R = self._residual(subspace, rotated, float(shift))
            residual[i] = (np.linalg.norm(R, axis=1) / self._norms).max(initial=0.0)
        residual = self.operator.agree(residual)
        converged: NDArray[np.bool_] = residual <= CONVERGED
        return Solution(
            gcv=np.full(L, np.nan),
            singular=np.zeros(L, np.bool_),
            path=StoredPath(*self.system.to_pixels(W)),
            residual=residual,
            converged=converged,
        )
