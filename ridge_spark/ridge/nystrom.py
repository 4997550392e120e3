"""A preconditioner: a randomised Nyström approximation of Xc'Xc, which serves every λ and fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.operator import Int64, Moments, Operator

SEED = 0


@dataclass(frozen=True)
class Nystrom:
    """Xc'Xc ≈ U Λ U', orthonormal rows U (r, d) and the r largest eigenvalues Λ, descending.

    One sketch serves every λ and every fold: with ℓ = Λ_r,

        M⁻¹ R = (ℓ + Nλ) U' (Λ + Nλ)⁻¹ U R + R - U'U R

    Frangella, Tropp and Udell, SIAM Journal on Matrix Analysis and Applications 44 (2023).
    """

    U: Float
    eigenvalues: Float

    @classmethod
    def of(cls, operator: Operator, d: int, rank: int) -> Nystrom:
        """By one product with `rank` random directions."""
        random = np.random.default_rng(SEED).standard_normal((d, rank))
        omega = np.ascontiguousarray(np.linalg.qr(random)[0].T)
        Y = operator.product(omega / np.linalg.norm(omega, axis=1, keepdims=True))
        nu = np.finfo(np.float64).eps * float(np.linalg.norm(Y))
        Y += nu * omega  # so that the small matrix has a factor; taken out again below
        small = omega @ Y.T
        values, vectors = np.linalg.eigh((small + small.T) / 2)
        kept = values > values.max(initial=0.0) * rank * np.finfo(np.float64).eps
        half = (vectors[:, kept] / np.sqrt(values[kept])).T @ Y  # half' half is the approximation
        squares, rotation = np.linalg.eigh(half @ half.T)
        order = np.argsort(-squares)
        order = order[squares[order] > 0]
        U = rotation[:, order].T @ half / np.sqrt(squares[order])[:, None]
        return cls(operator.agree(U), operator.agree(np.maximum(squares[order] - nu, 0.0)))

    def solve(self, R: Float, shift: float) -> Float:
        """M⁻¹ of each row of R (k, d), up to a factor, for Nλ = `shift`."""
        if not len(self.eigenvalues):
            return R
        rotated = R @ self.U.T
        factor = (self.eigenvalues[-1] + shift) / (self.eigenvalues + shift) - 1
        return R + (rotated * factor) @ self.U


@dataclass(frozen=True)
class Sketched:
    """What the systems of all λ and folds have in common.

    total    moments of all images                       offset   (d,) taken from their pixels
    """

    total: Moments
    offset: Int64
    preconditioner: Nystrom

    @property
    def trace(self) -> int:
        """The sum of the squares of all numbers of all images."""
        return int(self.total.squares.sum())
