"""What every kernel does alike: check and count the images it is given, mirror finished sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.kernel.upper import Upper

Tile = tuple[slice, slice]
Sums = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # counts, sums, gram


class Accumulator(ABC):
    """Adds blocks of images up; see `kernel.accumulator`."""

    def __init__(self, d: int, classes: int, groups: int, threads: int, tile: Tile | None) -> None:
        self.d, self.threads = d, threads
        self.rows, self.columns = tile or (slice(0, d), slice(0, d))
        self.height = self.rows.stop - self.rows.start
        self.width = self.columns.stop - self.columns.start
        self.square = self.rows == self.columns
        self.counts = np.zeros((groups, classes), np.int64)

    def add(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        group_of: NDArray[np.integer] | None = None,
    ) -> None:
        """Add a block: images (rows, d), any strides; labels and, of several, groups (rows,)."""
        groups, classes = self.counts.shape
        labels = checked_labels(images, labels, self.d, classes)
        group_of = checked_groups(group_of, len(images), groups)
        cells = np.bincount(group_of * classes + labels, minlength=self.counts.size)
        self.counts += cells.reshape(self.counts.shape)
        self._add(images, labels, group_of)

    @abstractmethod
    def _add(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], group_of: NDArray[np.int64]
    ) -> None:
        """Add the pixels of a block that has been checked and counted."""

    @abstractmethod
    def finish(self) -> list[Sums]:
        """Return `counts` (classes,), `sums` (classes, tile rows), `gram` (tile) of each group.

        All are int64, and are handed over: who has finished takes no more blocks.
        """

    @abstractmethod
    def finish_upper(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Upper]]:
        """The same of one group after the other, with `gram`, which is square, as its triangle."""


def checked_labels(
    images: NDArray[np.uint8], labels: NDArray[np.integer], d: int, classes: int
) -> NDArray[np.int64]:
    """The labels as int64, once the block is known to be what compiled code can be trusted with."""
    if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != d:
        raise InputError(
            f"a block of images must be uint8 of shape (rows, {d}), not {images.dtype} of shape "
            f"{images.shape}: give every image as a row of 8-bit pixels"
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{len(images)} images need as many integer labels, "
            f"not {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise InputError(
            f"labels must lie between 0 and {classes - 1}, "
            f"but there are some from {labels.min()} to {labels.max()}: correct the labels "
            "or the number of classes"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def checked_groups(
    group_of: NDArray[np.integer] | None, rows: int, groups: int
) -> NDArray[np.int64]:
    """The group of each image as int64; the first one for all where it is not given."""
    if group_of is None:
        return np.zeros(rows, np.int64)
    if group_of.shape != (rows,) or not np.issubdtype(group_of.dtype, np.integer):
        raise ValueError(f"{rows} images need as many groups, not {group_of.shape}")
    if rows and (group_of.min() < 0 or group_of.max() >= groups):
        raise ValueError(f"groups must lie between 0 and {groups - 1}")
    return np.ascontiguousarray(group_of, dtype=np.int64)
