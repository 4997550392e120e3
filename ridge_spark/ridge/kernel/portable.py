"""The kernel for any machine: float64 BLAS on converted panels, exact because the sums stay small.

A product of two 8-bit pixels is less than 2^16, and float64 holds every integer up to 2^53, so a
sum over fewer than 2^37 images, 137 thousand million, has no rounding, in whatever order BLAS adds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dgemm, dsyrk

from ridge_spark.ridge.kernel.accumulator import Accumulator, Sums, Tile
from ridge_spark.ridge.kernel.upper import STRIP_ROWS, Upper, mirror, packed
from ridge_spark.ridge.threads import blas_threads

PANEL_BYTES = 2**23  # of float64 pixels at a time: enough for BLAS to run at full speed
ROWS_AT_ONCE = 256  # of the result to turn into integers


class PortableAccumulator(Accumulator):
    """Float64 sums of one tile of the statistics of each group; the contract is `accumulator`."""

    def __init__(
        self,
        d: int,
        classes: int,
        *,
        groups: int = 1,
        threads: int = 1,
        tile: Tile | None = None,
    ) -> None:
        super().__init__(d, classes, groups, threads, tile)
        height, width = self.height, self.width
        self.sums = [np.zeros((classes, height), np.float64) for _ in range(groups)]
        self.grams = [np.zeros((height, width), np.float64) for _ in range(groups)]
        panel_rows = max(1, PANEL_BYTES // (8 * max(height, width)))
        self.left = np.empty((panel_rows, height), np.float64)
        self.right = self.left
        if not self.square:
            self.right = np.empty((panel_rows, width), np.float64)

    def _add(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], group_of: NDArray[np.int64]
    ) -> None:
        groups, classes = self.counts.shape
        with blas_threads(self.threads):
            for group in range(groups):
                mine = np.flatnonzero(group_of == group)
                for start in range(0, len(mine), len(self.left)):
                    rows = mine[start : start + len(self.left)]
                    one_hot = labels[rows, None] == np.arange(classes)
                    self._add_panel(group, images[rows], one_hot.astype(np.float64))

    def _add_panel(
        self, group: int, panel: NDArray[np.uint8], one_hot: NDArray[np.float64]
    ) -> None:
        gram = self.grams[group]
        left, right = self.left[: len(panel)], self.right[: len(panel)]
        np.copyto(left, panel[:, self.rows])
        self.sums[group] += one_hot.T @ left
        # BLAS counts columns first, so its lower triangle is our upper one, and its right'left our
        # left'right; that way it adds to `gram` in place.
        if self.square:
            dsyrk(1.0, left.T, beta=1.0, c=gram.T, lower=1, overwrite_c=1)
        else:
            np.copyto(right, panel[:, self.columns])
            dgemm(1.0, right.T, left.T, beta=1.0, c=gram.T, trans_b=1, overwrite_c=1)

    def finish(self) -> list[Sums]:
        return [
            (counts, sums.astype(np.int64), self._integers(gram))
            for counts, sums, gram in zip(self.counts, self.sums, self.grams, strict=True)
        ]

    def finish_upper(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Upper]]:
        for group, (counts, sums) in enumerate(zip(self.counts, self.sums, strict=True)):
            gram, self.grams[group] = self.grams[group], np.empty((0, 0))
            strips = [
                packed(gram[r : r + STRIP_ROWS, r:].astype(np.int64))
                for r in range(0, len(gram), STRIP_ROWS)
            ]
            yield counts, sums.astype(np.int64), Upper(len(gram), strips)

    def _integers(self, floats: NDArray[np.float64]) -> NDArray[np.int64]:
        gram = floats.view(np.int64)  # the same memory: another d² numbers may not fit
        for start in range(0, len(gram), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            gram[rows] = floats[rows].astype(np.int64)
        if self.square:
            mirror(gram)
        return gram
