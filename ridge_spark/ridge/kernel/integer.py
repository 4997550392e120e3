"""The sums in 32-bit integers, by compiled loops around a dot-product instruction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial as bind
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.kernel.accumulator import Accumulator, Sums, Tile
from ridge_spark.ridge.kernel.native import Kernel
from ridge_spark.ridge.kernel.upper import EXACT_ROWS, STRIP_ROWS, Upper, Whole, packed
from ridge_spark.ridge.threads import parallel_ranges, run_on_threads

CHUNK_BYTES = 2**20  # of packed pixels before they are multiplied: they stay in the L2 cache;
CHUNK_SHARE = 4  # but at least this part of the sums, which every chunk reads and writes once,
CHUNK_ROWS = 1024, 4096  # and these rows, to keep sums in registers; and no more, for the L2 cache
TILES_ACROSS = 16  # panels that take turns as the left factor of one right panel while it is in L2
LANES_BYTES = 2**28  # of 32-bit sums in all, up to which every thread has its own
SMALL_BLOCK = 2**19  # bytes that one thread has summed before another would have started


class IntegerAccumulator(Accumulator):
    """Exact sums of one tile of the statistics of each group; the contract is `accumulator`.

    Each thread takes rows of its own from a block and adds them to sums of its own, so that
    threads are started once for a block and wait for nobody. Their sums are added up in the end.
    Where so many copies would take too much memory, the threads share the sums of one *lane*: they
    pack and multiply the same rows together, each its part of the columns.

    Of up to EXACT_ROWS images of a group, the 32-bit sums are all that is in memory of it.
    """

    def __init__(
        self,
        kernel: Kernel,
        d: int,
        classes: int,
        *,
        groups: int = 1,
        threads: int = 1,
        tile: Tile | None = None,
    ) -> None:
        super().__init__(d, classes, groups, max(threads, 1), tile)
        self.kernel = kernel
        self.layout = Layout(self, kernel.product.width)
        own = self.threads * groups * self.layout.partial_bytes <= LANES_BYTES
        lanes, threads = (self.threads, 1) if own else (1, self.threads)
        self.totals = [Totals(self.layout, kernel) for _ in range(groups)]
        self.lanes = [
            [PackedSums(kernel, self.layout, classes, total, threads) for total in self.totals]
            for _ in range(lanes)
        ]

    def _add(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], group_of: NDArray[np.int64]
    ) -> None:
        if images.strides[1] != 1 or images.strides[0] < images.shape[1]:
            images = images.copy()  # `ascontiguousarray` would leave a single row its stride
        lanes = self.lanes[: math.ceil(images.nbytes / SMALL_BLOCK)]

        def add_rows(lane: int) -> None:
            first, last = (len(images) * i // len(lanes) for i in (lane, lane + 1))
            for group, sums in enumerate(lanes[lane]):
                rows = first + np.flatnonzero(group_of[first:last] == group)
                sums.add(images, labels, rows)

        run_on_threads(add_rows, len(lanes))

    def finish(self) -> list[Sums]:
        self._multiply_rest()
        return [self._whole(group) for group in range(len(self.totals))]

    def finish_upper(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Upper]]:
        self._multiply_rest()
        for group in range(len(self.totals)):
            yield self._upper(group)

    def _multiply_rest(self) -> None:
        def multiply_rest(lane: int) -> None:
            for sums in self.lanes[lane]:
                sums.multiply()

        run_on_threads(multiply_rest, len(self.lanes))

    def _whole(self, group: int) -> Sums:
        class_sums, correction, parts = self._taken(group)
        layout, gram = self.layout, np.zeros((self.height, self.width), np.int64)
        for strip, total in zip(layout.strips, self.totals[group].strips, strict=False):
            gram[strip.rows, strip.first_column :] = total
        where = gram, *gram.shape, layout.first_right

        def work(first: int, last: int) -> None:
            for part in parts[1:]:
                self.kernel.flush(layout.tiles, part, *where, first, last)
            self.kernel.complete(
                layout.tiles, parts[0], correction, *where, layout.square, first, last
            )

        parallel_ranges(work, len(layout.tiles), self.threads)
        return self.counts[group], class_sums, gram

    def _upper(self, group: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Upper]:
        class_sums, correction, parts = self._taken(group)
        totals = self.totals[group].strips

        def whole(strip: Strip) -> Whole:
            total = totals.pop(0) if totals else strip.zeros()
            some, rest = [part[strip.here] for part in parts], correction[strip.rows]
            where = total, *total.shape, 0

            def work(first: int, last: int) -> None:
                for part in some[1:]:
                    self.kernel.flush(strip.tiles, part, *where, first, last)
                self.kernel.complete(strip.tiles, some[0], rest, *where, False, first, last)

            parallel_ranges(work, len(strip.tiles), self.threads)
            return packed(total)

        upper = Upper(self.width, [whole(strip) for strip in self.layout.strips])
        return self.counts[group], class_sums, upper

    def _taken(
        self, group: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.int32]]]:
        """Class sums, what each row's 32-bit sums lack, and these sums; no longer held here."""
        lanes = [lane[group] for lane in self.lanes]
        class_sums = np.sum([part.sums + part.partial_sums for part in lanes], axis=0)
        correction = self.kernel.product.offset * class_sums.sum(axis=0)
        partial = [part.partial for part in lanes]
        for part in lanes:
            part.let_go()
        return class_sums, correction, partial


@dataclass(frozen=True)
class Strip:
    """Some rows of a tile of X'X, from the first column there is of them to the last.

    `here` are the numbers of the kernel's tiles that make it up, and `tiles` where they are in it.
    """

    rows: slice
    first_column: int
    columns: int
    here: slice
    tiles: NDArray[np.int32]

    def zeros(self) -> NDArray[np.int64]:
        return np.zeros((self.rows.stop - self.rows.start, self.columns), np.int64)


class Layout:
    """How one tile of X'X is cut into panels, and these paired into the tiles of the kernel."""

    def __init__(self, whole: Accumulator, panel: int) -> None:
        self.rows, self.columns = whole.rows, whole.columns
        self.height, self.width, self.square = whole.height, whole.width, whole.square
        self.panel = panel
        self.left = math.ceil(self.height / panel)
        self.right = 0 if self.square else math.ceil(self.width / panel)
        self.first_right = 0 if self.square else self.left
        self.tiles = _tiles(self.left, self.right)
        pixels = panel * (self.left + self.right)
        rows = max(CHUNK_BYTES // len(whole.counts), self.partial_bytes // CHUNK_SHARE) // pixels
        self.steps = min(max(rows, CHUNK_ROWS[0]), CHUNK_ROWS[1]) // 4
        self.strips = [self._strip(top) for top in range(0, self.height, STRIP_ROWS)]

    def _strip(self, top: int) -> Strip:
        """The rows from `top` on; a strip is of whole runs of TILES_ACROSS panels."""
        rows = slice(top, min(top + STRIP_ROWS, self.height))
        panels = top // self.panel, -(-rows.stop // self.panel)
        p = self.tiles[:, 0]
        numbers = np.flatnonzero((p >= panels[0]) & (p < panels[1]))
        here = slice(int(numbers[0]), int(numbers[-1]) + 1)
        first_column = top if self.square else 0
        first_right = panels[0] if self.square else self.left
        tiles = self.tiles[here] - np.array([panels[0], first_right], np.int32)
        return Strip(rows, first_column, self.width - first_column, here, tiles)

    @property
    def partial_bytes(self) -> int:
        return 4 * len(self.tiles) * self.panel**2


class PackedSums:
    """Images of one group: packed until they are worth multiplying, then 32-bit sums.

    Before the sums could overflow, they are moved to the 64-bit `total`, which lanes share. Where
    the instruction has an offset, they are sums of U'(U - offset), and the rest is added in the
    end:

        U'U = U'(U - offset) + offset · (column sums of U) 1'

    The class sums are 32-bit as well until then: half as wide, twice as many at a time.
    """

    def __init__(
        self, kernel: Kernel, layout: Layout, classes: int, total: Totals, threads: int
    ) -> None:
        self.kernel, self.layout, self.threads = kernel, layout, threads
        self.total = total
        self.sums = np.zeros((classes, layout.height), np.int64)
        self.partial_sums = np.zeros((classes, layout.height), np.int32)
        panels = layout.left + layout.right, layout.steps, layout.panel
        self.panels = _aligned_zeros(panels, np.uint32)
        tiles = len(layout.tiles), layout.panel, layout.panel
        self.partial = _aligned_zeros(tiles, np.int32)
        self.used = self.pending = 0

    def let_go(self) -> None:
        """Hold no more memory; to be added to no more."""
        del self.partial, self.panels

    def add(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        """Add the images with the numbers `rows`."""
        start = 0
        while start < len(rows):
            stop = start + 4 * (self.layout.steps - self.used)
            self._pack(images, labels, rows[start:stop])
            if self.used == self.layout.steps:
                self.multiply()
            start = stop

    def multiply(self) -> None:
        """Add the products of what is packed to the 32-bit sums."""
        if not self.used:
            return
        if self.pending + 4 * self.used > EXACT_ROWS:
            self._flush()
        panels, where, tiles = self.panels, (self.layout.steps, self.used), self.layout.tiles

        def work(first: int, last: int) -> None:
            self.kernel.multiply(panels, len(panels), *where, tiles, self.partial, first, last)

        parallel_ranges(work, len(tiles), self.threads)
        self.pending += 4 * self.used
        self.used = 0

    def _pack(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        layout, stride = self.layout, images.strides[0]
        where = layout.steps, self.used
        left, right = self.panels[: layout.left], self.panels[layout.left :]

        def pack_left(first: int, last: int) -> None:
            pixels = images[:, layout.rows]
            self.kernel.pack(
                pixels, stride, rows, len(rows), layout.height, left, *where, first, last
            )
            columns = (min(layout.panel * p, layout.height) for p in (first, last))
            sums = self.partial_sums
            self.kernel.class_sums(
                pixels, stride, rows, len(rows), labels, sums, *sums.shape, *columns
            )

        def pack_right(first: int, last: int) -> None:
            pixels = images[:, layout.columns]
            self.kernel.pack(
                pixels, stride, rows, len(rows), layout.width, right, *where, first, last
            )

        parallel_ranges(pack_left, len(left), self.threads)
        if len(right):
            parallel_ranges(pack_right, len(right), self.threads)
        self.used += math.ceil(len(rows) / 4)

    def _flush(self) -> None:
        self.total.add(self.partial, self.threads)
        self.sums += self.partial_sums
        self.partial_sums[:] = 0
        self.pending = 0


class Totals:
    """The 64-bit sums of one group in strips: none until 32 bits are not enough."""

    def __init__(self, layout: Layout, kernel: Kernel) -> None:
        self.layout, self.kernel = layout, kernel
        self.strips: list[NDArray[np.int64]] = []
        self.lock = Lock()

    def add(self, partial: NDArray[np.int32], threads: int) -> None:
        """Move 32-bit sums here; `partial` is zero afterwards."""
        with self.lock:
            self.strips = self.strips or [strip.zeros() for strip in self.layout.strips]
            for strip, total in zip(self.layout.strips, self.strips, strict=True):
                tiles, some, where = strip.tiles, partial[strip.here], (total, *total.shape, 0)
                work = bind(self.kernel.flush, tiles, some, *where)
                parallel_ranges(work, len(tiles), threads)


def _tiles(left: int, right: int) -> NDArray[np.int32]:
    """The pairs (p, q) of a left and a right panel to multiply, in the order to do so.

    Without right panels of their own, the left ones are both, and p <= q is enough.
    """
    p, q = np.indices((left, right)).reshape(2, -1) if right else np.triu_indices(left)
    order = np.lexsort((p, q, p // TILES_ACROSS))
    return np.column_stack((p, q + (left if right else 0)))[order].astype(np.int32)


def _aligned_zeros(shape: Sequence[int], dtype: type) -> NDArray:
    """Zeros that start at a multiple of 64 bytes, since loads across cache lines take twice."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)
