"""From integer statistics to the centred normal equations, with one rounding at the very end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.kernel.upper import Upper
from ridge_spark.ridge.packed import AnyStatistics
from ridge_spark.ridge.statistics import Int64
from ridge_spark.ridge.threads import run_on_threads

Float = NDArray[np.float64]

MOST_IMAGES = 4 * 10**9  # r_j n_k, at most n²/2, must fit int64
AT_A_TIME = 16_384  # elements of the Gram matrix: what centring needs besides stays in the cache
MIRRORED = 128  # rows and columns that are transposed together
MIN_RESIDUAL_DOF = 1e-3  # for each image


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


def centre(
    statistics: AnyStatistics, without: AnyStatistics | None = None, *, threads: int = 1
) -> CentredSystem:
    """Centre integer statistics exactly; those that are left `without` others, if given.

    With s the sum of a pixel over all n images, c its mean rounded to an integer and r = s - n c
    (so |r| ≤ n/2),

        (Xc'Xc)_ij = X'X_ij - s_i s_j / n = (X'X_ij - c_i s_j - r_i c_j) - r_i r_j / n

    The bracket and ⌊r_i r_j / n⌋ are integers that fit int64 for four billion images, so nothing is
    lost until the difference becomes a float64. The targets go the same way: with S the sum over
    the n_k images of class k, (Xc'Yc)_jk = 2 (S_kj - c_j n_k - r_j n_k / n).

    It is done a few rows at a time, also the difference, on `threads` threads: besides the
    statistics that there are, the float64 matrix is all that it makes.
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
    squares = statistics.gram.diagonal()
    if without is not None:
        squares = squares - without.gram.diagonal()
    constant = (squares - c * s - r * c == quotient) & (remainder == 0)
    active = np.flatnonzero(~constant)

    c, r, s = c[active], r[active], s[active]
    gram = np.empty((len(active), len(active)))
    all_active = len(active) == statistics.d

    def part_of(gram: Int64 | Upper, i: slice) -> Int64:
        """Rows i and the columns from there on, a view where it can be."""
        if isinstance(gram, Upper):
            return gram.part(active[i], active[i.start :])
        return gram[i, i.start :] if all_active else gram[active[i]][:, active[i.start :]]

    rows = slices(len(active), max(1, AT_A_TIME // max(1, len(active))))

    def centre_rows(thread: int) -> None:
        for i in rows[thread::threads]:
            j = slice(i.start, None)
            quotient, remainder = _divmod(np.outer(r[i], r[j]), n)
            quotient += np.outer(c[i], s[j])
            quotient += np.outer(r[i], c[j])
            whole = np.subtract(part_of(statistics.gram, i), quotient, out=quotient)
            if without is not None:
                whole -= part_of(without.gram, i)
            np.subtract(whole, remainder / n, out=gram[i, j])

    run_on_threads(centre_rows, threads)
    mirror(gram, threads)

    quotient, remainder = _divmod(np.outer(r, counts), n)
    cross = 2.0 * ((sums[:, active].T - np.outer(c, counts) - quotient) - remainder / n)
    return CentredSystem(
        n=n,
        gram=gram,
        cross=cross,
        active=active,
        mean=sums.sum(axis=0) / n,
        **targets(counts),
    )


def targets(counts: Int64) -> dict[str, Float]:
    """The mean of each column of Y, for n_k images of class k, and the squares of Yc."""
    n = counts.sum()
    return {"target_mean": (2 * counts - n) / n, "target_ss": 4.0 * counts * (n - counts) / n}


def mirror(gram: Float, threads: int) -> None:
    """Copy what is above the diagonal of a square matrix to below it."""
    parts = slices(len(gram), MIRRORED)

    def copy(thread: int) -> None:
        for number in range(len(parts))[thread::threads]:
            i = parts[number]
            corner = gram[i, i]
            corner[...] = np.triu(corner) + np.triu(corner, 1).T
            for j in parts[number + 1 :]:
                gram[j, i] = gram[i, j].T

    run_on_threads(copy, threads)


def slices(count: int, size: int) -> list[slice]:
    """0, ..., count - 1 in slices of `size`."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _divmod(products: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Quotient, rounded down, and remainder, which is put in the place of the products.

    NumPy's own divmod takes far longer.
    """
    quotient = products // n
    products -= quotient * n
    return quotient, products
