"""Ridge regression on fewer images than pixels, in the space that the images span."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.solution import Indices, Solution, Solver, WeightPath

PIXELS_OF_AN_IMAGE = 2  # with fewer for each image, finding a basis takes longer than it saves


def are_few(n: int, d: int) -> bool:
    """True where n images span so little of the space of d pixels that it pays to go there."""
    return n * PIXELS_OF_AN_IMAGE < d


class FewImagesSolver:
    """With r the rank of Xc'Xc, at most n - 1, and Q (a, r) an orthonormal basis of its range,

        W(λ) = Q F(λ),   (Q'Xc'Xc Q + NλI) F = Q'Xc'Yc

    since neither Xc'Yc nor the weights have any part outside of that range. So a system of r
    unknowns is left to any other solver, in place of one of a pixels.
    """

    def __init__(self, system: CentredSystem, solver: Callable[[CentredSystem], Solver]) -> None:
        self.system = system
        rounding = len(system.gram) * np.finfo(np.float64).eps
        self.tolerance = rounding * float(np.linalg.norm(system.gram))
        L = pivoted_cholesky(system.gram, system.n - 1, self.tolerance)
        self.basis, R = np.linalg.qr(L)
        r, k = len(R), system.cross.shape[1]
        reduced = CentredSystem(
            n=system.n,
            gram=R @ R.T,
            cross=self.basis.T @ system.cross,
            target_ss=system.target_ss,
            active=np.arange(r),
            mean=np.zeros(r),
            target_mean=np.zeros(k),
        )
        self.solver = solver(reduced)

    def solve(self, lambdas: Float) -> Solution:
        solution = self.solver.solve(lambdas)
        # The directions outside of the range have nothing but the penalty.
        singular = self.system.n * np.asarray(lambdas) <= self.tolerance
        return replace(
            solution,
            singular=solution.singular | singular,
            path=SpannedPath(self, solution.path),
            rank=self.basis.shape[1],
        )


@dataclass(frozen=True)
class SpannedPath:
    """Lazy: W(λ) = Q F(λ), from the path of F, when it is asked for."""

    solver: FewImagesSolver
    path: WeightPath

    def __len__(self) -> int:
        return len(self.path)

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        F = self.path.weights(indices)[0].swapaxes(-1, -2)
        return self.solver.system.to_pixels(np.matmul(self.solver.basis, F).swapaxes(-1, -2))


def pivoted_cholesky(gram: Float, most: int, tolerance: float) -> Float:
    """L (a, r) with LL' = `gram`, but for a rest of trace `tolerance`; r is `most` at most.

    Column by column, each time for the pixel that has the most left to explain: only r columns of
    the matrix are ever looked at. Harbrecht, Peters and Schneider, Applied Numerical Mathematics 62
    (2012).
    """
    rows = np.empty((most, len(gram)))  # of L'
    left = np.diagonal(gram).copy()
    for r in range(most):
        if left.sum() <= tolerance:
            return rows[:r].T
        pivot = left.argmax()
        rows[r] = (gram[pivot] - rows[:r, pivot] @ rows[:r]) / np.sqrt(left[pivot])
        left = np.maximum(left - rows[r] ** 2, 0.0)
    return rows.T
