"""Statistics without images that are withdrawn, and whether those can have been part of them."""

from __future__ import annotations

import numpy as np

from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.statistics import Statistics

LARGEST = 255  # value of a pixel


def downdate(total: Statistics, images: Statistics) -> Statistics:
    """`total` without `images`, exactly; `InputError` where those were certainly not all in it.

    What is left must be statistics of 8-bit images. With s_j the sum of a pixel over all images,
    0 ≤ x ≤ 255 of every pixel x gives

        0 ≤ S_kj ≤ 255 n_k        s_j ≤ X'X_jj ≤ 255 s_j        X'X_ij ≤ 255 min(s_i, s_j)

    and the centred X'X has no negative eigenvalue. No check can tell images that were in from
    others that would leave all of this true.
    """
    left = total - images
    if not _is_bounded(left) or _has_negative_eigenvalue(left):
        raise InputError(
            "the images to remove were not all part of these statistics: "
            "what would be left are no statistics of 8-bit images"
        )
    return left


def _is_bounded(left: Statistics) -> bool:
    s, squares = left.sums.sum(axis=0), np.diagonal(left.gram)
    return bool(
        (left.sums <= LARGEST * left.counts[:, None]).all()
        and (s <= squares).all()
        and (left.gram <= LARGEST * np.minimum(s[:, None], s)).all()
    )


def _has_negative_eigenvalue(left: Statistics) -> bool:
    if left.n == 0:
        return False
    eigenvalues = np.linalg.eigvalsh(centre(left).gram)
    if len(eigenvalues) == 0:
        return False
    rounding = 10 * len(eigenvalues) * np.finfo(np.float64).eps * max(eigenvalues[-1], 0)
    return bool(eigenvalues[0] < -rounding)
