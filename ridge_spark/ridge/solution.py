"""What every solver returns: weights for each λ, and the figures to judge them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float

FEWEST_SPARE = 1e-3  # degrees of freedom per image that are left; with fewer, a difference of the
# sums of squares of targets and predictions is noise, and so is GCV from it


@dataclass(frozen=True)
class Solution:
    """Ridge weights for a grid of L values of λ.

    coef       (L, d, k)   intercept  (L, k)    scores of an image x: x coef + intercept
    gcv        (L,)        generalised cross-validation, +inf where it is not defined
    singular   (L,)        True where X'X + NλI is singular to working precision; the weights
                           are then those of least norm
    rank                   of the centred X'X, to working precision, or None where not known
    """

    coef: Float
    intercept: Float
    gcv: Float
    singular: NDArray[np.bool_]
    rank: int | None

    @classmethod
    def join(cls, parts: Sequence[Solution]) -> Solution:
        """One solution from the solutions for the parts of a grid, in its order."""
        ranks = [part.rank for part in parts if part.rank is not None]
        return cls(
            coef=np.concatenate([part.coef for part in parts]),
            intercept=np.concatenate([part.intercept for part in parts]),
            gcv=np.concatenate([part.gcv for part in parts]),
            singular=np.concatenate([part.singular for part in parts]),
            rank=ranks[0] if ranks else None,
        )

    def take(self, order: NDArray[np.intp]) -> Solution:
        """The same for the values of λ at these places of the grid, in this order."""
        return Solution(
            self.coef[order],
            self.intercept[order],
            self.gcv[order],
            self.singular[order],
            self.rank,
        )


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
