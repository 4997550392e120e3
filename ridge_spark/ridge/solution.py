"""What a solver returns for a grid of λ: a record of figures, and the path of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.threads import blas_threads, parallel_map

Indices = NDArray[np.intp]

LAMBDAS_AT_ONCE = 32  # whose weights are formed together


class WeightPath(Protocol):
    """Ridge weights as a function of λ, known at the L values of a grid.

    A path is either stored (`StoredPath`) or lazy: turning what a factorisation gives into weights
    of pixels costs more than all else that a further λ needs, so lazy paths do it when asked.
    """

    def __len__(self) -> int:
        """L, the number of values of λ."""

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        """`coef` (m, k, d) and `intercept` (m, k) for m indices into the grid.

        The scores of images X (n, d) for the i-th of them are X @ coef[i].T + intercept[i].
        """


@dataclass(frozen=True)
class StoredPath:
    """Weights in memory: `coef` (L, k, d), `intercept` (L, k)."""

    coef: Float
    intercept: Float

    def __len__(self) -> int:
        return len(self.coef)

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        return self.coef[indices], self.intercept[indices]


@dataclass(frozen=True)
class Solution:
    """Ridge regression solved for a grid of L values of λ: figures to judge it by, and the path.

    gcv        (L,)   generalised cross-validation, +inf where it is not defined, NaN where it was
                      not computed
    singular   (L,)   True where X'X + NλI is singular to working precision; the weights are then
                      those of least norm
    rank              of the centred X'X, to working precision, or None where not known
    residual   (L,)   ‖Xc'Yc - (Xc'Xc + NλI) W‖ / ‖Xc'Yc‖ of an iteration; NaN, or None, where a
                      direct method took its place
    converged  (L,)   False where that stayed too large: such weights are not to be chosen
    path              the weights, for those who ask
    """

    gcv: Float
    singular: NDArray[np.bool_]
    path: WeightPath
    rank: int | None = None
    residual: Float | None = None
    converged: NDArray[np.bool_] | None = None

    def is_converged(self) -> NDArray[np.bool_]:
        """`converged`, and True for every λ of a direct method."""
        return np.ones(len(self.gcv), np.bool_) if self.converged is None else self.converged

    def weights(self) -> tuple[Float, Float]:
        """`coef` (L, k, d) and `intercept` (L, k) of the whole grid."""
        return _joined([self.path.weights(indices) for indices in pieces(self.path)])

    def weights_at(self, index: int) -> tuple[Float, Float]:
        """`coef` (k, d) and `intercept` (k,) for one λ, of the same bits wherever it is asked."""
        with blas_threads(1):  # more would divide long sums, and add them in another order
            coef, intercept = self.path.weights(np.array([index]))
        return coef[0], intercept[0]

    def stored(self) -> Solution:
        """The same with all weights in memory, as it should travel between processes."""
        if isinstance(self.path, StoredPath):
            return self
        return replace(self, path=StoredPath(*self.weights()))

    def take(self, order: Indices) -> Solution:
        """The same for the values of λ at these indices, in this order, with stored weights."""
        coef, intercept = self.weights()
        return replace(
            self,
            gcv=self.gcv[order],
            singular=self.singular[order],
            path=StoredPath(coef[order], intercept[order]),
            residual=None if self.residual is None else self.residual[order],
            converged=None if self.converged is None else self.converged[order],
        )

    @classmethod
    def join(cls, parts: Sequence[Solution]) -> Solution:
        """One solution, with stored weights, from those for the parts of a grid, in its order."""
        ranks = [part.rank for part in parts if part.rank is not None]
        return cls(
            gcv=np.concatenate([part.gcv for part in parts]),
            singular=np.concatenate([part.singular for part in parts]),
            path=StoredPath(*_joined([part.weights() for part in parts])),
            rank=ranks[0] if ranks else None,
            residual=None
            if all(part.residual is None for part in parts)
            else np.concatenate(
                [
                    np.full(len(part.gcv), np.nan) if part.residual is None else part.residual
                    for part in parts
                ]
            ),
            converged=np.concatenate([part.is_converged() for part in parts]),
        )


@dataclass(frozen=True)
class _OnePath:
    """Weights of one λ of a grid: those of the others were not asked for."""

    length: int
    index: int
    coef: Float
    intercept: Float

    def __len__(self) -> int:
        return self.length

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        if any(i != self.index for i in indices):
            raise ValueError("the weights of this λ are not known")
        repeat = len(indices)
        return np.stack([self.coef] * repeat), np.stack([self.intercept] * repeat)


def one_of_grid(one: Solution, index: int, length: int) -> Solution:
    """The solution of one λ as that of the λ `index` of a grid, of which no more is known."""
    gcv, singular = np.full(length, np.inf), np.zeros(length, np.bool_)
    gcv[index], singular[index] = one.gcv[0], one.singular[0]
    return Solution(gcv, singular, _OnePath(length, index, *one.weights_at(0)), one.rank)


def pieces(path: WeightPath) -> list[Indices]:
    """The whole grid, in pieces: what is formed together has the same bits however it is done."""
    L = len(path)
    return [
        np.arange(start, min(start + LAMBDAS_AT_ONCE, L)) for start in range(0, L, LAMBDAS_AT_ONCE)
    ]


def store_weights(solutions: Sequence[Solution], threads: int) -> list[Solution]:
    """The same solutions with all their weights in memory, formed on `threads` threads."""
    work = [(solution.path, indices) for solution in solutions for indices in pieces(solution.path)]
    formed = parallel_map(lambda item: item[0].weights(item[1]), work, threads)
    return [
        replace(solution, path=StoredPath(*_joined([next(formed) for _ in pieces(solution.path)])))
        for solution in solutions
    ]


def _joined(parts: Sequence[tuple[Float, Float]]) -> tuple[Float, Float]:
    if len(parts) == 1:
        return parts[0]
    coef, intercept = zip(*parts, strict=True)
    return np.concatenate(coef), np.concatenate(intercept)


class Solver(Protocol):
    """Factorises a system once, then solves it for any grid of λ.

    minimise  (1/N) ‖Xc W - Yc‖² + λ ‖W‖²     that is   (Xc'Xc + NλI) W = Xc'Yc
    """

    def __init__(self, system: CentredSystem) -> None: ...

    def solve(self, lambdas: Float) -> Solution:
        """Solve for every λ in `lambdas`, shape (L,), λ ≥ 0."""


def generalised_cross_validation(n: int, residual: Float, residual_dof: Float) -> Float:
    """GCV(λ) = (‖Y - Ŷ‖²/n) / (ν/n)², with `residual` = ‖Y - Ŷ‖² and ν of shape (L,).

    ν = n - 1 - df are the residual degrees of freedom, those that the weights and the intercept
    leave. Where they leave none, +inf: nothing can be said.
    Golub, Heath and Wahba, Technometrics 21 (1979).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(residual_dof > 0, residual / n / (residual_dof / n) ** 2, np.inf)
