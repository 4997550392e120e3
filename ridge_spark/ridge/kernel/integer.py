"""The sums in 32-bit integers, by compiled loops around a dot-product instruction."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.kernel.blocks import Tile, checked_labels, mirror
from ridge_spark.ridge.kernel.native import Kernel
from ridge_spark.ridge.threads import share

EXACT_ROWS = 2**15  # 255² · 2^15 < 2^31: as many rows as 32-bit sums can surely take
CHUNK_BYTES = 2**22  # of packed pixels before they are multiplied: few threads started, less memory
CHUNK_ROWS = 1024, 4096  # but at least, so that sums stay in registers; at most, for the L2 cache
TILES_ACROSS = 8  # panels that take turns as the left factor of one right panel while it is in L2
SMALL_BLOCK = 2**20  # bytes that one thread packs before another would have started


class IntegerAccumulator:
    """Exact sums of one tile of the statistics; the contract is `kernel.accumulator`.

    Blocks are packed as they come. Each time CHUNK rows have gathered, they are multiplied into
    32-bit sums of the upper triangle, and before these could overflow, they are moved to 64 bits.
    Where the instruction has an offset, they are sums of U'(U - offset); `finish` adds the rest:

        U'U = U'(U - offset) + offset · (column sums of U) 1'
    """

    def __init__(
        self,
        kernel: Kernel,
        d: int,
        classes: int,
        *,
        threads: int = 1,
        tile: Tile | None = None,
    ) -> None:
        self.kernel = kernel
        self.d, self.threads = d, threads
        self.rows, self.columns = tile or (slice(0, d), slice(0, d))
        self.height = self.rows.stop - self.rows.start
        self.width = self.columns.stop - self.columns.start
        self.square = self.rows == self.columns
        self.counts = np.zeros(classes, np.int64)
        self.sums = np.zeros((classes, self.height), np.int64)

        product = kernel.product
        left = math.ceil(self.height / product.width)
        right = 0 if self.square else math.ceil(self.width / product.width)
        pixels = product.width * (left + right)
        self.steps = min(max(CHUNK_BYTES // pixels, CHUNK_ROWS[0]), CHUNK_ROWS[1]) // 4
        self.used = 0
        self.panels = _aligned_zeros((left + right, self.steps, product.width), np.uint32)
        self.left, self.right = self.panels[:left], self.panels[left:]
        self.tiles = _tiles(left, right)
        self.partial = _aligned_zeros((len(self.tiles), product.width, product.width), np.int32)
        self.pending = 0
        self.gram: NDArray[np.int64] | None = None

    def add(self, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> None:
        """Add a block: `images` of shape (rows, d), any strides, and `labels` of shape (rows,)."""
        labels = checked_labels(images, labels, self.d, len(self.counts))
        self.counts += np.bincount(labels, minlength=len(self.counts))
        start = 0
        while start < len(images):
            stop = start + 4 * (self.steps - self.used)
            self._pack(images[start:stop], labels[start:stop])
            if self.used == self.steps:
                self._multiply()
            start = stop

    def finish(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return `counts` (classes,), `sums` (classes, tile rows) and `gram` (tile), all int64."""
        self._multiply()
        gram = self._flush()
        if self.kernel.product.offset:
            gram += self.kernel.product.offset * self.sums.sum(axis=0)[:, None]
        if self.square:
            mirror(gram)
        return self.counts, self.sums, gram

    def _pack(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        rows, stride = len(images), images.strides[0]
        if images.strides[1] != 1 or stride < images.shape[1]:
            images = np.ascontiguousarray(images)
            stride = images.shape[1]
        threads = self.threads if images.nbytes > SMALL_BLOCK else 1
        where = self.steps, self.used

        def pack_left(first: int, last: int) -> None:
            pixels = images[:, self.rows]
            self.kernel.pack(pixels, stride, rows, self.height, self.left, *where, first, last)
            columns = (min(self.kernel.product.width * p, self.height) for p in (first, last))
            self.kernel.class_sums(
                pixels, stride, rows, labels, self.sums, *self.sums.shape, *columns
            )

        def pack_right(first: int, last: int) -> None:
            pixels = images[:, self.columns]
            self.kernel.pack(pixels, stride, rows, self.width, self.right, *where, first, last)

        share(pack_left, len(self.left), threads)
        if not self.square:
            share(pack_right, len(self.right), threads)
        self.used += math.ceil(rows / 4)

    def _multiply(self) -> None:
        if self.pending + 4 * self.used > EXACT_ROWS:
            self._flush()
        panels, where = self.panels, (self.steps, self.used)

        def work(first: int, last: int) -> None:
            self.kernel.multiply(panels, len(panels), *where, self.tiles, self.partial, first, last)

        if self.used:
            share(work, len(self.tiles), self.threads)
        self.pending += 4 * self.used
        self.used = 0

    def _flush(self) -> NDArray[np.int64]:
        gram = self.gram
        if gram is None:
            gram = self.gram = np.zeros((self.height, self.width), np.int64)
        first_right = 0 if self.square else len(self.left)

        def work(first: int, last: int) -> None:
            self.kernel.flush(self.tiles, self.partial, gram, *gram.shape, first_right, first, last)

        share(work, len(self.tiles), self.threads)
        self.pending = 0
        return gram


def _tiles(left: int, right: int) -> NDArray[np.int32]:
    """The pairs (p, q) of a left and a right panel to multiply, in the order to do so.

    Without right panels of their own, the left ones are both, and p <= q is enough.
    """
    p, q = np.indices((left, right)).reshape(2, -1) if right else np.triu_indices(left)
    order = np.lexsort((p, q, p // TILES_ACROSS))
    return np.column_stack((p, q + (left if right else 0)))[order].astype(np.int32)


def _aligned_zeros(shape: tuple[int, ...], dtype: type) -> NDArray:
    """Zeros that start at a multiple of 64 bytes, since loads across cache lines take twice."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)
