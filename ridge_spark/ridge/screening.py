"""Which images many λ classify correctly, found from few float32 columns wherever they suffice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float

Float32 = NDArray[np.float32]

UNIT_ROUNDOFF = 2.0**-24  # of float32
TOLERANCE = 3e-7  # singular values below this are lost in float32 anyway


@dataclass(frozen=True)
class Screen:
    """Weights of L values of λ, nearly, in the span of r of them, with a bound on what is missing.

    As a function of λ, ridge weights hardly turn: those of a hundred λ span some thirty dimensions
    to the precision of float32. With W_λk the weights of class k,

        W_λk ≈ Σ_r C_λr B_rk

    so that X B, which is r k columns instead of L k, gives all scores by a small product. For an
    image x, the score in float32 differs from the true one by at most ‖x‖ error_λ + offset_λ, where

        error_λ = max_k ‖W_λk - Σ_r C_λr B_rk‖ + γ_(d+r+2) Σ_r |C_λr| ‖B_rk‖

    The first term is measured, not estimated, so nothing rests on how the span was found; the
    second is the classical bound for sums of d and then r products, between rounding x and adding
    the intercept, γ_m = m u / (1 - m u) (Higham, Accuracy and Stability of Numerical Algorithms,
    2nd ed., section 3.1).
    """

    basis: Float32  # (d, k r)
    combination: Float32  # (r, L)
    intercept: Float32  # (k, L)
    error: Float  # (L,)
    offset: Float  # (L,)

    @classmethod
    def of(cls, coef: Float, intercept: Float) -> Self | None:
        """A screen for `coef` (L, d, k), `intercept` (L, k); None where it would save nothing."""
        L, d, k = coef.shape
        flat = coef.transpose(0, 2, 1).reshape(L, k * d)
        length = np.linalg.norm(flat, axis=1, keepdims=True)
        flat_unit = flat / np.where(length > 0, length, 1)
        squared, directions = np.linalg.eigh(flat_unit @ flat_unit.T)
        r = int((squared > TOLERANCE**2 * squared[-1]).sum())
        if 2 * r > L:
            return None
        directions = directions[:, L - r :]
        B = (directions.T @ flat_unit).astype(np.float32)  # (r, k d)
        C = (length * directions).astype(np.float32)  # (L, r)

        missing = flat - C.astype(np.float64) @ B.astype(np.float64)
        missing = np.linalg.norm(missing.reshape(L, k, d), axis=2)
        size = np.linalg.norm(B.reshape(r, k, d).astype(np.float64), axis=2)
        error = (missing + _gamma(d + r + 2) * (np.abs(C) @ size)).max(axis=1)
        return cls(
            basis=np.ascontiguousarray(B.reshape(r, k, d).transpose(2, 1, 0)).reshape(d, k * r),
            combination=np.ascontiguousarray(C.T),
            intercept=np.ascontiguousarray(intercept.T, np.float32),
            error=error * (1 + _gamma(d)),  # the norm of x is rounded too
            offset=2 * UNIT_ROUNDOFF * np.abs(intercept).max(axis=1),
        )

    def decide(
        self, images: NDArray[np.uint8], labels: NDArray[np.integer]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each image is certainly classified correctly, and whether that is in doubt.

        Both of shape (rows, L). Beyond doubt is an image whose own class leads, or trails, all
        others by more than both scores can be wrong.
        """
        k, L = self.intercept.shape
        x = images.astype(np.float32)
        scores = (x @ self.basis).reshape(len(x) * k, -1) @ self.combination
        scores = scores.reshape(len(x), k, L) + self.intercept
        own = labels[:, None, None].astype(np.intp)
        lead = np.take_along_axis(scores, own, axis=1)[:, 0]
        np.put_along_axis(scores, own, -np.inf, axis=1)
        lead -= scores.max(axis=1)
        wrong_by = np.linalg.norm(x, axis=1)[:, None] * self.error + self.offset
        in_doubt = np.abs(lead) <= 2 * wrong_by
        return (lead > 0) & ~in_doubt, in_doubt


def _gamma(m: int) -> float:
    return m * UNIT_ROUNDOFF / (1 - m * UNIT_ROUNDOFF)
