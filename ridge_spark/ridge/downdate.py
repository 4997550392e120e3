"""Statistics without images that are withdrawn, and whether those can have been part of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.statistics import Statistics

LARGEST = 255  # value of a pixel


def downdate(total: Statistics, images: Statistics) -> Statistics:
    """`total` without `images`, exactly; `InputError` where those were certainly not all in it.

    What is left must be statistics of 8-bit images. With S_kj the sum of a pixel over the n_k
    images of class k, and s_j over all, 0 ≤ x ≤ 255 of every pixel x gives

        0 ≤ S_kj ≤ 255 n_k        s_j ≤ X'X_jj ≤ 255 s_j        X'X_ij ≤ 255 min(s_i, s_j)

    n integers of sum S = n c + r, 0 ≤ r < n, have squares of sum n c² + r (2 c + 1) at least (the
    inequality of Cauchy and Schwarz, of integers), so X'X_jj is at least the sum of that over the
    classes. And the scatter within classes,

        X'X - Σ_k S_k' S_k / n_k

    has no negative eigenvalue, which images under other labels than they had make it have. No check
    can tell images that were in from others that would leave all of this true.
    """
    left = total - images
    if not _is_bounded(left) or _has_negative_eigenvalue(left):
        raise InputError(
            "the images to remove were not all part of these statistics, or under other labels: "
            "what would be left are no statistics of 8-bit images"
        )
    return left


def _is_bounded(left: Statistics) -> bool:
    s, squares = left.sums.sum(axis=0), np.diagonal(left.gram)
    return bool(
        (left.sums <= LARGEST * left.counts[:, None]).all()
        and (s <= squares).all()
        and (_least_squares(left) <= squares).all()
        and (left.gram <= LARGEST * np.minimum(s[:, None], s)).all()
    )


def _least_squares(left: Statistics) -> NDArray[np.int64]:
    """The least sums of squares, (d,), that pixels of these sums can have."""
    n = left.counts[:, None]
    c, r = np.divmod(left.sums, np.maximum(n, 1))  # a class without images has sums of 0 by now
    least: NDArray[np.int64] = (n * c * c + r * (2 * c + 1)).sum(axis=0)
    return least


def _has_negative_eigenvalue(left: Statistics) -> bool:
    """Whether the scatter within classes has an eigenvalue below 0 by more than rounding.

    Cholesky's factorisation tells, of the matrix with its rounding added to the diagonal.
    """
    if left.n == 0:
        return False
    system = centre(left)
    d = len(system.active)
    if d == 0:
        return False
    present = left.counts > 0
    n = left.counts[present, None]
    apart = (left.sums[present] / n - system.mean)[:, system.active]
    rounding = 10 * d * np.finfo(np.float64).eps * np.linalg.norm(system.gram)
    within = system.gram - (n * apart).T @ apart
    within[np.diag_indices(d)] += rounding
    try:
        np.linalg.cholesky(within)
    except np.linalg.LinAlgError:
        return True
    return False
