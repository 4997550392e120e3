"""Small images with something in them to find: bars that lie or stand, somewhere, on noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridge_spark.features import Sample
from ridge_spark.features.sample import SampleRows
from ridge_spark.ridge.blocks import Block


def bars(
    count: int, shape: tuple[int, int, int] = (14, 12, 1), seed: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (n, d) of lying (0) and standing (1) bars, and which they are."""
    random = np.random.default_rng(seed)
    height, width, channels = shape
    images = random.integers(0, 60, (count, *shape))
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        y, x = random.integers(1, height - 4), random.integers(1, width - 4)
        part = image[y : y + 2, 1:-1] if label == 0 else image[1:-1, x : x + 2]
        part += random.integers(80, 190, channels)
    return images.reshape(count, -1).astype(np.uint8), labels


def sample_of(images: NDArray[np.uint8], seed: int = 0) -> Sample:
    rows = SampleRows(len(images), images.shape[1], seed)
    return Sample.of([Block(0, images, np.zeros(len(images), np.int32))], rows)
