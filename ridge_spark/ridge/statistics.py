"""Sufficient statistics of a labelled set of 8-bit images: counts, sums and X'X, as integers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge import statistics_file
from ridge_spark.ridge.kernel import accumulator

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Statistics:
    """All that ridge regression needs to know of a set of images.

        counts[k] = number of images of class k            (classes,)      int64
        sums[k]   = Σ of the images of class k             (classes, d)    int64
        gram      = X'X, X the images as rows              (d, d)          int64, symmetric

    They add over any partition of the images and subtract again, without any rounding, so they are
    the same bit for bit whoever adds them up and in whatever order.
    """

    counts: Int64
    sums: Int64
    gram: Int64

    @classmethod
    def zeros(cls, classes: int, d: int) -> Self:
        return cls(
            np.zeros(classes, np.int64),
            np.zeros((classes, d), np.int64),
            np.zeros((d, d), np.int64),
        )

    @classmethod
    def of(
        cls,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        classes: int,
        *,
        threads: int = 1,
    ) -> Self:
        """Statistics of `images`, shape (n, d), with `labels`, shape (n,), in [0, classes).

        `InputError` for anything else, floats above all: they would be cut down to integers.
        """
        _require_labelled(images, labels, classes)
        sums = accumulator(images.shape[1], classes, threads=threads)
        sums.add(images, labels)
        return cls(*sums.finish()[0])

    @property
    def n(self) -> int:
        """Number of images."""
        return int(self.counts.sum())

    @property
    def d(self) -> int:
        """Pixels in an image."""
        return self.gram.shape[0]

    @property
    def classes(self) -> int:
        return len(self.counts)

    def __iadd__(self, other: Statistics) -> Self:
        self._require_same_shape(other)
        for mine, theirs in zip(self._arrays(), other._arrays(), strict=True):
            np.add(mine, theirs, out=mine)
        return self

    def __add__(self, other: Statistics) -> Statistics:
        self._require_same_shape(other)
        return Statistics(*map(np.add, self._arrays(), other._arrays()))

    def __sub__(self, other: Statistics) -> Statistics:
        """Statistics without the images of `other`; `InputError` if they can't have been in."""
        self._require_same_shape(other)
        left = Statistics(*map(np.subtract, self._arrays(), other._arrays()))
        if any(array.min() < 0 for array in left._arrays()):
            raise InputError(
                "the images to remove were not all part of these statistics: "
                "a count or a sum of pixels would become negative"
            )
        return left

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statistics) and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip(self._arrays(), other._arrays(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[object, ...]:
        """Travel as the upper triangle: half the bytes between processes."""
        upper = np.concatenate([row[i:] for i, row in enumerate(self.gram)])
        return _from_upper_triangle, (self.counts, self.sums, upper)

    @property
    def trace(self) -> int:
        """The sum of the squares of all numbers of all images."""
        return int(np.trace(self.gram))

    def sha256(self) -> str:
        """SHA-256 over the shapes, then counts, sums and gram, as little-endian int64, C order."""
        return sha256_of((self.classes, self.d), *self._arrays())

    def save(self, path: Path, *, gram: bool = True) -> None:
        """Write a safetensors file; without X'X, it can be added to no more."""
        statistics_file.write(path, self.counts, self.sums, self.gram if gram else None)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; `InputError` if the file is not that."""
        return cls(*statistics_file.read(path))

    def _arrays(self) -> tuple[Int64, Int64, Int64]:
        return self.counts, self.sums, self.gram

    def _require_same_shape(self, other: Statistics) -> None:
        if self.sums.shape != other.sums.shape:
            raise InputError(
                f"statistics of {self.classes} classes and {self.d} pixels do not combine with "
                f"those of {other.classes} classes and {other.d} pixels: "
                "use images of the same shape and the same classes"
            )


def sha256_of(sizes: tuple[int, ...], *arrays: Int64) -> str:
    """SHA-256 over sizes, then arrays, as little-endian int64 in C order."""
    digest = hashlib.sha256(np.array(sizes, "<i8").tobytes())
    for array in arrays:
        digest.update(np.ascontiguousarray(array, "<i8").data)
    return digest.hexdigest()


def _require_labelled(images: NDArray[np.uint8], labels: NDArray[np.integer], classes: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 2:
        raise InputError(
            f"images are {images.dtype} of shape {images.shape}; statistics take uint8, (n, d)"
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise InputError(
            f"{labels.size} labels for {len(images)} images ({labels.dtype} of shape "
            f"{labels.shape}): one of each image is needed, integers"
        )
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise InputError(f"label {outside[0]} is out of range; there are {classes} classes, from 0")


def _from_upper_triangle(counts: Int64, sums: Int64, upper: Int64) -> Statistics:
    d = sums.shape[1]
    gram = np.empty((d, d), np.int64)
    start = 0
    for i in range(d):
        gram[i, i:] = gram[i:, i] = upper[start : start + d - i]
        start += d - i
    return Statistics(counts, sums, gram)
