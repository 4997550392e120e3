"""What every solver returns: weights for each λ, and the figures to judge them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.threads import blas_threads, parallel_map

FEWEST_SPARE = 1e-3  # degrees of freedom per image that are left; with fewer, a difference of the
# sums of squares of targets and predictions is noise, and so is GCV from it

AT_ONCE = 32  # λ whose weights are found together


@dataclass(frozen=True)
class Solution:
    """Ridge weights for a grid of L values of λ.

    coef       (L, d, k)   intercept  (L, k)    scores of an image x: x coef + intercept
    gcv        (L,)        generalised cross-validation, +inf where it is not defined
    singular   (L,)        True where X'X + NλI is singular to working precision; the weights
                           are then those of least norm
    rank                   of the centred X'X, to working precision, or None where not known

    Turning weights into those of pixels costs more than all else that a further λ needs, so that it
    is done when they are asked for: `find` returns coef and intercept for some places of the grid.
    """

    find: Callable[[NDArray[np.intp]], tuple[Float, Float]]
    gcv: Float
    singular: NDArray[np.bool_]
    rank: int | None

    @classmethod
    def of(
        cls,
        coef: Float,
        intercept: Float,
        gcv: Float,
        singular: NDArray[np.bool_],
        rank: int | None = None,
    ) -> Solution:
        """A solution whose weights are all known."""
        return cls(lambda places: (coef[places], intercept[places]), gcv, singular, rank)

    @property
    def places(self) -> list[NDArray[np.intp]]:
        """The whole grid, in pieces: what is found at once has the same bits however it is done."""
        L = len(self.gcv)
        return [np.arange(start, min(start + AT_ONCE, L)) for start in range(0, L, AT_ONCE)]

    @cached_property
    def weights(self) -> tuple[Float, Float]:
        """`coef` and `intercept` of the whole grid."""
        return _joined(list(map(self.find, self.places)))

    @property
    def coef(self) -> Float:
        return self.weights[0]

    @property
    def intercept(self) -> Float:
        return self.weights[1]

    def at(self, place: int) -> tuple[Float, Float]:
        """Weights (d, k) and intercept (k,) for one λ of the grid, of the same bits anywhere."""
        with blas_threads(1):  # more would share out long sums, and add them in another order
            coef, intercept = self.find(np.array([place]))
        return coef[0], intercept[0]

    @classmethod
    def join(cls, parts: Sequence[Solution]) -> Solution:
        """One solution from the solutions for the parts of a grid, in its order."""
        ranks = [part.rank for part in parts if part.rank is not None]
        return cls.of(
            coef=np.concatenate([part.coef for part in parts]),
            intercept=np.concatenate([part.intercept for part in parts]),
            gcv=np.concatenate([part.gcv for part in parts]),
            singular=np.concatenate([part.singular for part in parts]),
            rank=ranks[0] if ranks else None,
        )

    def take(self, order: NDArray[np.intp]) -> Solution:
        """The same for the values of λ at these places of the grid, in this order."""
        return Solution(
            lambda places: self.find(order[places]),
            self.gcv[order],
            self.singular[order],
            self.rank,
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Travel as weights: what they are found from is larger."""
        return Solution.of, (*self.weights, self.gcv, self.singular, self.rank)


def with_weights(solutions: Sequence[Solution], threads: int) -> list[Solution]:
    """The same solutions, once their weights for the whole grid are found, on `threads` threads."""
    work = [(solution.find, places) for solution in solutions for places in solution.places]
    found = parallel_map(lambda item: item[0](item[1]), work, threads)
    return [
        Solution.of(
            *_joined([next(found) for _ in solution.places]),
            solution.gcv,
            solution.singular,
            solution.rank,
        )
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

    def solve(self, lambdas: Float) -> Solution:
        """Solve for every λ in `lambdas`, shape (L,), λ ≥ 0."""


def generalised_cross_validation(n: int, residual: Float, spare: Float) -> Float:
    """GCV(λ) = (‖Y - Ŷ‖²/n) / (spare/n)², with `residual` = ‖Y - Ŷ‖² and `spare` of shape (L,).

    `spare` = n - 1 - df are the degrees of freedom that the weights and the intercept leave. Where
    they leave none, +inf: nothing can be said.
    Golub, Heath and Wahba, Technometrics 21 (1979).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spare > 0, residual / n / (spare / n) ** 2, np.inf)
