"""A float32 filter: which images many λ classify correctly beyond doubt, from few columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float

Float32 = NDArray[np.float32]

UNIT_ROUNDOFF = 2.0**-24  # of float32
SLAB = 256  # pixels, at most, that are summed in one go: fewer make the bound on rounding smaller
SHORTEST = 1e-18  # of an image: its square is far from where float32 underflows
TOLERANCE = 1e-5  # singular values below this leave less out than rounding may


@dataclass(frozen=True)
class Float32Filter:
    """Weights of L values of λ, nearly, in the span of r of them, with a bound on what is missing.

    As a function of λ, ridge weights hardly turn: those of a hundred λ span some thirty dimensions
    nearly to the precision of float32. With W_λk the weights of class k and b_λk its intercept,

        W_λk ≈ Σ_r C_λr B_rk,    b_λk ≈ Σ_r C_λr β_rk

    so that X B + β, which is r k columns instead of L k, gives all scores by a small product. Where
    few λ would save nothing, B is W itself, and C the identity. For an image x, the score in
    float32 differs from the true one by at most ‖x‖ error_λ + offset_λ, where

        error_λ  = max_k ‖W_λk - Σ_r C_λr B_rk‖ + γ Σ_r |C_λr| ‖B_rk‖
        offset_λ = max_k |b_λk - Σ_r C_λr β_rk| + γ Σ_r |C_λr| |β_rk|

    The first terms are measured, not estimated, so nothing rests on how the span was found. The
    second are the classical bound for sums of m products, γ = m u / (1 - m u), with m those of a
    slab of pixels, of the slabs, of r, and a few for rounding x itself (Higham, Accuracy and
    Stability of Numerical Algorithms, 2nd ed., section 3.1).
    """

    basis: Float32  # (d, k r)
    constant: Float32  # (k r,)
    combination: Float32 | None  # (r, L)
    classes: int
    error: Float  # (L,)
    offset: Float  # (L,)

    @classmethod
    def of(cls, weights: Float, intercept: Float) -> Self:
        """A filter for `weights` (L, k, d) and `intercept` (L, k)."""
        L, k, d = weights.shape
        found = _directions(weights.reshape(L, k * d), intercept)
        if found is None:
            C, B, constant = np.eye(L), weights, intercept
        else:
            C, inverse = found
            B, constant = np.tensordot(inverse, weights, axes=1), inverse @ intercept
        C32, B32, constant32 = (array.astype(np.float32) for array in (C, B, constant))
        r = len(B)
        slabs = slabs_of(d)
        gamma = _gamma(max(slab.stop - slab.start for slab in slabs) + len(slabs) + r + 3)
        C = C32.astype(np.float64)
        return cls(
            basis=np.ascontiguousarray(B32.transpose(2, 1, 0)).reshape(d, k * r),
            constant=np.ascontiguousarray(constant32.T).ravel(),
            combination=None if found is None else np.ascontiguousarray(C32.T),
            classes=k,
            error=_bound(weights, C, B32, gamma) * (1 + _gamma(d)),  # ‖x‖ is rounded as well
            offset=_bound(intercept[..., None], C, constant32[..., None], gamma),
        )

    def decide(
        self, images: NDArray[Any], labels: NDArray[np.integer]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each image is certainly classified correctly, and whether that is in doubt.

        Both of shape (rows, L). Beyond doubt is an image whose own class leads, or trails, all
        others by more than both scores can be wrong.
        """
        x = images.astype(np.float32)
        rows, k = len(x), self.classes
        scores = self._in_span(x)
        if self.combination is not None:
            scores = scores.reshape(rows * k, -1) @ self.combination
        scores = scores.reshape(rows, k, -1)
        every = np.arange(rows)
        lead = scores[every, labels]
        scores[every, labels] = -np.inf
        lead -= scores.max(axis=1)
        with np.errstate(over="ignore"):
            length = np.linalg.norm(x, axis=1)[:, None]
        wrong_by = length * self.error + self.offset
        # So is what overflows to infinity or NaN, or might underflow, where no bound is relative.
        in_doubt = ~(np.abs(lead) > 2 * wrong_by) | (length < SHORTEST) | (wrong_by < SHORTEST)
        return (lead > 0) & ~in_doubt, in_doubt

    def _in_span(self, x: Float32) -> Float32:
        """X B + β, slab by slab; shape (rows, k r)."""
        first, *others = slabs_of(len(self.basis))
        found: Float32 = x[:, first] @ self.basis[first]
        for slab in others:
            found += x[:, slab] @ self.basis[slab]
        found += self.constant
        return found


def _directions(flat: Float, intercept: Float) -> tuple[Float, Float] | None:
    """C (L, r), and what turns L weights into B, (r, L); None where r would not be far below L.

    With U S V' the singular values of the weights, each of length 1, C is U and B is S V'. The
    intercept counts as the weight of one more pixel, which is always 255; of other numbers than
    bytes the span may then be larger than it need be, and the bounds hold all the same.
    """
    L = len(flat)
    products = flat @ flat.T + intercept @ intercept.T / 255**2
    length = np.sqrt(np.diagonal(products))
    length = np.where(length > 0, length, 1)[:, None]
    squared, U = np.linalg.eigh(products / (length * length.T))
    r = int((squared > TOLERANCE**2 * squared[-1]).sum())
    if 2 * r > L:
        return None
    U = U[:, L - r :]
    return length * U, (U / length).T


def _bound(weights: Float, C: Float, B: Float32, gamma: float) -> Float:
    """max_k ‖W_λk - Σ_r C_λr B_rk‖ + γ Σ_r |C_λr| ‖B_rk‖, of W (L, k, m) and B (r, k, m)."""
    B64 = B.astype(np.float64)
    missing = np.tensordot(C, B64, axes=1)
    missing -= weights
    return (_lengths(missing) + gamma * (np.abs(C) @ _lengths(B64))).max(axis=1)


def _lengths(vectors: Float) -> Float:
    """Of vectors along the last axis."""
    return np.sqrt(np.einsum("...m,...m->...", vectors, vectors))


def slabs_of(d: int) -> list[slice]:
    """The d pixels in slices of nearly the same size, SLAB at most."""
    number = -(-d // SLAB)
    edges = [d * i // number for i in range(number + 1)]
    return [slice(*ends) for ends in pairwise(edges)]


def _gamma(m: int) -> float:
    return m * UNIT_ROUNDOFF / (1 - m * UNIT_ROUNDOFF)
