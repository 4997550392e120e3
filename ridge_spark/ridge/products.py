"""The products of images with each other, XX': exact integers, and fewer of few images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge import statistics_file
from ridge_spark.ridge.kernel import accumulator
from ridge_spark.ridge.statistics import Int64, sha256_of
from ridge_spark.ridge.threads import parallel_ranges

TILE_BYTES = 2**24  # of pixels of all images that are turned round and multiplied at a time
MOST_PIXELS = 4096


@dataclass(frozen=True)
class ImageProducts:
    """All that the dual side needs to know of N images of d bytes, in the order of their rows.

        labels[i]   class of image i, of `classes`     (N,)      int64
        gram        XX', X the images as rows          (N, N)    int64, symmetric

    Sums over pixels, they are the same bit for bit however images and pixels are divided; those of
    some of the images are a sub-matrix.
    """

    labels: Int64
    gram: Int64
    classes: int
    d: int

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> Int64:
        """Images of each class (classes,)."""
        return np.bincount(self.labels, minlength=self.classes).astype(np.int64)

    @property
    def trace(self) -> int:
        """The sum of the squares of all numbers of all images."""
        return int(np.trace(self.gram))

    def sha256(self) -> str:
        """SHA-256 over (classes, N, d), then labels and gram, as little-endian int64, C order."""
        return sha256_of((self.classes, self.n, self.d), self.labels, self.gram)


@dataclass(frozen=True)
class DualStatistics:
    """What is kept of images of which there is no X'X: none of it can be added to others.

    counts (classes,) and sums (classes, d) of their classes, int64; and `digest`, the hash of the
    products that they were solved from.
    """

    counts: Int64
    sums: Int64
    digest: str

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def d(self) -> int:
        return self.sums.shape[1]

    def sha256(self) -> str:
        return self.digest

    def save(self, path: Path, *, gram: bool = False) -> None:
        """Write a safetensors file of the counts and sums; there is no X'X to keep."""
        statistics_file.write(path, self.counts, self.sums, None)


def products_of(
    X: NDArray[np.uint8], Y: NDArray[np.uint8] | None = None, *, threads: int = 1
) -> Int64:
    """XY' (m, n) of X (m, d) and Y (n, d), exactly; XX' without Y.

    The kernel sums products of the columns of what it is given: so it is given pixels as rows, and
    images as columns.
    """
    m, d = X.shape
    both = [X] if Y is None else [X, Y]
    images = sum(map(len, both))
    tile = None if Y is None else (slice(0, m), slice(m, images))
    sums = accumulator(images, 1, threads=threads, tile=tile)
    pixels = max(64, min(MOST_PIXELS, TILE_BYTES // max(1, images)))
    turned, one_class = np.empty((pixels, images), np.uint8), np.zeros(pixels, np.int64)
    for start in range(0, d, pixels):
        rows = min(pixels, d - start)
        _turn(both, start, turned[:rows], threads)
        sums.add(turned[:rows], one_class[:rows])
    return sums.finish()[0][2]


def _turn(
    both: list[NDArray[np.uint8]], start: int, turned: NDArray[np.uint8], threads: int
) -> None:
    """Copy pixels from `start` on, as rows, into `turned` (pixels, images)."""

    def copy(first: int, last: int) -> None:
        column = 0
        for some in both:
            columns = slice(column, column + len(some))
            turned[first:last, columns] = some[:, start + first : start + last].T
            column = columns.stop

    parallel_ranges(copy, len(turned), threads)
