"""From integer statistics to the centred normal equations, with one rounding at the very end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.statistics import Statistics

Float = NDArray[np.float64]

MOST_IMAGES = 4 * 10**9  # r_j n_k, at most n²/2, must fit int64
MIN_RESIDUAL_DOF = 1e-3  # for each image
ROWS_AT_A_TIME = 64  # of the Gram matrix: what centring needs besides stays in a core's cache


@dataclass(frozen=True)
class CentredSystem:
    """The normal equations of ridge regression on centred pixels and targets.

    With a column of Y +1 for the images of a class and -1 for all others, and the means taken
    out of both,

        gram      = Xc'Xc              (a, a)   float64
        cross     = Xc'Yc              (a, k)   float64
        target_ss = diag(Yc'Yc)        (k,)     float64

    over the `active` pixels only, the a of all d that are not the same in every image. A constant
    pixel is 0 once centred: it has no say in any prediction, and leaving it out is exact.
    """

    n: int
    gram: Float
    cross: Float
    target_ss: Float
    active: NDArray[np.intp]
    mean: Float  # of each of the d pixels
    target_mean: Float  # of each column of Y

    @property
    def least_residual_dof(self) -> float:
        """With fewer degrees of freedom left, a difference of sums of squares is noise."""
        return MIN_RESIDUAL_DOF * self.n

    def residual_ss(self, explained: Float, squares: Float, n_lambda: Float) -> Float:
        """‖Yc - XcW‖² from `explained`, the sum of W times cross, and `squares`, ‖W‖², of each λ.

        Xc'XcW = Xc'Yc - NλW put in: no product with Xc'Xc is needed.
        """
        return np.maximum(self.target_ss.sum() - (explained + n_lambda * squares), 0.0)

    def is_accurate(self, least: float, n_lambda: Float, largest: float) -> NDArray[np.bool_]:
        """Whether a regular gram + NλI gives accurate weights, by gram's extreme eigenvalues."""
        return np.ones(np.shape(n_lambda), np.bool_)

    def explainable(self, rotated: Float, s: Float) -> Float:
        """What each eigenvector explains of ‖Yc‖² at λ = 0: with s its eigenvalue, b'b / s."""
        return (rotated**2).sum(axis=1) / s

    def in_range(self, rotated: Float, determined: NDArray[np.bool_]) -> Float:
        """V'cross (a, k) in the range of the matrix: all of it, as Xc'Yc has no part outside."""
        return rotated

    def to_pixels(self, reduced: Float) -> tuple[Float, Float]:
        """Turn weights (..., k, a) of the centred system into `coef` (..., k, d), `intercept`."""
        coef = np.zeros((*reduced.shape[:-1], len(self.mean)))
        coef[..., self.active] = reduced
        return coef, self.target_mean - coef @ self.mean


def centre(statistics: Statistics, without: Statistics | None = None) -> CentredSystem:
    """Centre integer statistics exactly; those that are left `without` others, if given.

    With s the sum of a pixel over all n images, c its mean rounded to an integer and r = s - n c
    (so |r| ≤ n/2),

        (Xc'Xc)_ij = X'X_ij - s_i s_j / n = (X'X_ij - c_i s_j - r_i c_j) - r_i r_j / n

    The bracket and ⌊r_i r_j / n⌋ are integers that fit int64 for four billion images, so nothing is
    lost until the difference becomes a float64. The targets go the same way: with S the sum over
    the n_k images of class k, (Xc'Yc)_jk = 2 (S_kj - c_j n_k - r_j n_k / n).

    It is done a few rows at a time, also the difference: besides the statistics that there are, the
    float64 matrix is all that it makes.
    """
    sums, counts = statistics.sums, statistics.counts
    if without is not None:
        sums, counts = sums - without.sums, counts - without.counts
    n = int(counts.sum())
    if not 0 < n <= MOST_IMAGES:
        raise InputError(f"{n} images: ridge regression here takes 1 to {MOST_IMAGES:,}")
    s = sums.sum(axis=0)
    c = (2 * s + n) // (2 * n)
    r = s - n * c

    quotient, remainder = _divmod(r * r, n)
    squares = np.diagonal(statistics.gram)
    if without is not None:
        squares = squares - np.diagonal(without.gram)
    constant = (squares - c * s - r * c == quotient) & (remainder == 0)
    active = np.flatnonzero(~constant)

    c, r, s = c[active], r[active], s[active]
    gram = np.empty((len(active), len(active)))
    for start in range(0, len(active), ROWS_AT_A_TIME):
        i = slice(start, start + ROWS_AT_A_TIME)
        quotient, remainder = _divmod(np.outer(r[i], r), n)
        whole = statistics.gram[np.ix_(active[i], active)]
        if without is not None:
            whole -= without.gram[np.ix_(active[i], active)]
        whole -= np.outer(c[i], s) + np.outer(r[i], c) + quotient
        gram[i] = whole - remainder / n

    quotient, remainder = _divmod(np.outer(r, counts), n)
    cross = 2.0 * ((sums[:, active].T - np.outer(c, counts) - quotient) - remainder / n)
    return CentredSystem(
        n=n,
        gram=gram,
        cross=cross,
        target_ss=4.0 * counts * (n - counts) / n,
        active=active,
        mean=sums.sum(axis=0) / n,
        target_mean=(2 * counts - n) / n,
    )


def _divmod(products: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Quotient, rounded down, and remainder: NumPy's own divmod takes far longer than this."""
    quotient = products // n
    return quotient, products - quotient * n
