"""The sums as NumPy gets them in 64-bit integers, to compare kernels with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ridge_spark.ridge.kernel import Tile, accumulator

Sums = tuple[np.ndarray, np.ndarray, np.ndarray]


def numpy_sums(
    images: np.ndarray, labels: np.ndarray, classes: int, tile: Tile | None = None
) -> Sums:
    everything = slice(0, images.shape[1])
    i, j = tile or (everything, everything)
    wide = images.astype(np.int64)
    sums = np.array([wide[labels == k][:, i].sum(axis=0) for k in range(classes)])
    return np.bincount(labels, minlength=classes), sums, wide[:, i].T @ wide[:, j]


def kernel_sums(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], d: int, classes: int, **options: object
) -> Sums:
    sums = accumulator(d, classes, **options)
    for images, labels in blocks:
        sums.add(images, labels)
    return sums.finish()[0]


def assert_same(found: Sums, expected: Sums) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.dtype == np.int64
        np.testing.assert_array_equal(mine, theirs)
