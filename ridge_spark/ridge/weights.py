"""Weights of classes and images: whole numbers, of which an image is added that many times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 1000  # times that an image can count


def balanced_weights(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """For each class, how often its images fit into the largest one, to the next whole number.

    `counts` (k,) are the images of each class. The weights are 1 or more, and 1 for classes that
    are within a half of the largest: the images and their copies are at most k times its number.
    """
    counts = np.asarray(counts, np.int64)
    nearest = (2 * counts.max(initial=0) + counts) // np.maximum(1, 2 * counts)
    return np.clip(nearest, 1, MOST)
