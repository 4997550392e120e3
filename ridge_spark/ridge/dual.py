"""Ridge regression on the dual side: one unknown for each image, from XX' in the place of X'X."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.solution import Indices, Solution

FAR_ABOVE, SURELY = 1e8, 10  # times rounding error

AnyGram = NDArray[Any]  # int64, or float64 of vectors of floats

ROWS_AT_A_TIME = 64  # of XX': what centring needs besides stays in a core's cache


@dataclass(frozen=True)
class DualSystem(CentredSystem):
    """The equations (XcXc' + nλI) α = Yc, of which the weights are W = Xc'α.

    Yc and α are orthogonal to the vector of ones, on which XcXc' is zero. With H the Householder
    reflection that takes this direction to the last axis, the last row and column of H XcXc' H are
    zero and left out, so that n - 1 unknowns remain and the matrix is regular unless images are
    linearly dependent:

        gram    = H XcXc' H, without its last row and column    (n - 1, n - 1)
        cross   = H Yc, without its last row                    (n - 1, k)

    The residuals are Yc - XcW = nλ α, and the degrees of freedom those of the primal system: both
    matrices have the same eigenvalues but for zeros. So there is no cancellation in GCV, however
    near the weights come to interpolating the images. Saunders, Gammerman and Vovk, ICML 1998.

    What a solver takes for the weights of pixels are α here: (..., k, n), in the images' order.
    """

    @property
    def least_residual_dof(self) -> float:
        return 0.0

    def is_accurate(self, least: float, n_lambda: Float, largest: float) -> NDArray[np.bool_]:
        """Where images are linearly dependent, only if nλ is far above rounding.

        α then has a part that W = Xc'α takes nothing of, as large as 1 / nλ, and its rounding
        errors stay. The eigenvectors, asked instead, leave it out.
        """
        rounding = np.finfo(np.float64).eps * largest
        return (n_lambda > FAR_ABOVE * rounding) | (least > SURELY * self.n * rounding)

    def residual_ss(self, explained: Float, squares: Float, n_lambda: Float) -> Float:
        return n_lambda**2 * squares

    def explainable(self, rotated: Float, s: Float) -> Float:
        return (rotated**2).sum(axis=1)

    def in_range(self, rotated: Float, determined: NDArray[np.bool_]) -> Float:
        """Without what no weights explain: α there would not change W, but for rounding."""
        return np.where(determined[:, None], rotated, 0.0)

    def to_pixels(self, reduced: Float) -> tuple[Float, Float]:
        """Turn what solves the system (..., k, n - 1) into α (..., k, n), and the mean targets."""
        root = sqrt(self.n)
        total = reduced.sum(axis=-1, keepdims=True) * _reflection(self.n) / root
        alpha = np.concatenate([reduced - total / root, -total * (1 / root + 1)], axis=-1)
        return alpha, np.broadcast_to(self.target_mean, alpha.shape[:-1]).copy()


def dual_system(
    products: AnyGram, labels: NDArray[np.integer], classes: int, kept: Indices | None = None
) -> DualSystem:
    """The dual system of images by their products XX' (N, N), of those at `kept` or of all.

    Integers are centred exactly, with one rounding at the very end. With r_i the sum of a row,
    r_i = n q_i + p_i, and the sum of all s = n² u + v,

        (XcXc')_ij = XX'_ij - (r_i + r_j) / n + s / n² = (XX'_ij - q_i - q_j + u) - (p_i + p_j) / n
                     + v / n²

    whose bracket is an integer. With t = 1 / (1 + 1/√n), c_i = (XcXc')_in and w_i = t c_i -
    t² c_n / (2 √n), the reflection takes (w_i + w_j) / √n more from it.

    It is made a few rows at a time: the float64 matrix is all that it takes.
    """
    if kept is not None:
        labels = labels[kept]
    n, counts = len(labels), np.bincount(labels, minlength=classes)
    whole, fraction, constant = _means(products, kept, n)
    last = _rows(products, kept, slice(n - 1, n))[0] - whole - whole[-1] + constant[0]
    column = last - (fraction + fraction[-1] - constant[1])
    t, root = _reflection(n), sqrt(n)
    fraction = fraction + (t * column - t * t * column[-1] / (2 * root)) / root
    gram = np.empty((n - 1, n - 1))
    for start in range(0, n - 1, ROWS_AT_A_TIME):
        i = slice(start, min(start + ROWS_AT_A_TIME, n - 1))
        part = _rows(products, kept, i)[:, :-1] - whole[i, None] - whole[:-1] + constant[0]
        gram[i] = part - (fraction[i, None] + fraction[:-1] - constant[1])
    target_mean = (2 * counts - n) / n
    Yc = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0) - target_mean
    return DualSystem(
        n=n,
        gram=gram,
        cross=Yc[:-1] - Yc[-1] * (t / root),
        target_ss=4.0 * counts * (n - counts) / n,
        active=np.arange(n - 1),
        mean=np.zeros(n - 1),
        target_mean=target_mean,
    )


def _reflection(n: int) -> float:
    """T of H = I - t vv', v the last axis and 1/√n of all ones."""
    return 1 / (1 + 1 / sqrt(n))


def _rows(products: AnyGram, kept: Indices | None, rows: slice) -> AnyGram:
    """Some rows of the products of the kept images."""
    return products[rows] if kept is None else products[np.ix_(kept[rows], kept)]


def _means(
    products: AnyGram, kept: Indices | None, n: int
) -> tuple[AnyGram, Float, tuple[int, float]]:
    """Row means as q (n,) and p / n (n,), and the mean of all as u and v / n²."""
    sums = np.concatenate(
        [
            _rows(products, kept, slice(start, start + ROWS_AT_A_TIME)).sum(axis=1)
            for start in range(0, n, ROWS_AT_A_TIME)
        ]
    )
    if sums.dtype.kind == "f":
        return np.zeros(n), sums / n, (0, float(sums.sum()) / n**2)
    q, p = np.divmod(sums, n)
    u, v = divmod(int(n * int(q.sum()) + int(p.sum())), n * n)
    return q, p / n, (u, v / n**2)


def split_images(folds: Folds, n: int) -> tuple[list[Indices], list[Indices]]:
    """Of each held-out group, the images to fit to and the images held out."""
    group_of = folds.assign(0, n)
    groups = range(folds.held_out)
    return (
        [np.flatnonzero(group_of != group) for group in groups],
        [np.flatnonzero(group_of == group) for group in groups],
    )


def held_out_correct(
    products: AnyGram,
    labels: NDArray[np.integer],
    kept: Sequence[Indices],
    held_out: Sequence[Indices],
    fitted: Sequence[Solution],
) -> NDArray[np.int64]:
    """How many images of all held-out groups each of L λ classifies correctly; shape (L,).

    Each of `fitted` is the solution of the dual system of the images at `kept`. A score of x about
    the mean x̄ of these is (x - x̄)'Xc'α: products again, so that no image is looked at. α adds up to
    0, so that constants drop out.
    """
    return sum(
        (
            held_out_right(products, labels, *part).sum(axis=0)
            for part in zip(kept, held_out, fitted, strict=True)
        ),
        np.zeros(len(fitted[0].gcv), np.int64),
    )


def held_out_right(
    products: AnyGram,
    labels: NDArray[np.integer],
    kept: Indices,
    held_out: Indices,
    solution: Solution,
) -> NDArray[np.bool_]:
    """Which of the images at `held_out` each λ of one solution classifies correctly; (m, L)."""
    across = _across(products, kept, held_out)
    right = [
        (across @ alpha.T + target_mean).argmax(axis=1) == labels[held_out]
        for alpha, target_mean in zip(*solution.weights(), strict=True)
    ]
    return np.stack(right, axis=1)


def held_out_scores(
    products: AnyGram, kept: Indices, held_out: Indices, solution: Solution, index: int
) -> Float:
    """Scores (m, k) of the images at `held_out` by the λ at `index` of one solution."""
    alpha, target_mean = solution.weights_at(index)
    found: Float = _across(products, kept, held_out) @ alpha.T + target_mean
    return found


def _across(products: AnyGram, kept: Indices, held_out: Indices) -> Float:
    """(x - x̄)'X of the images held out, x̄ the mean of those kept."""
    found: Float = products[np.ix_(held_out, kept)] - _column_sums(products, kept) / len(kept)
    return found


def _column_sums(products: AnyGram, kept: Indices) -> AnyGram:
    sums = np.zeros(len(kept), products.dtype)
    for start in range(0, len(kept), ROWS_AT_A_TIME):
        sums += _rows(products, kept, slice(start, start + ROWS_AT_A_TIME)).sum(axis=0)
    return sums
