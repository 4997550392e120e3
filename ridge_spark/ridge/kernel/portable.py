"""The kernel for any machine: float64 BLAS on converted panels, exact because the sums stay small.

A product of two 8-bit pixels is at most 255² < 2^16, and float64 holds every integer up to 2^53, so
a float64 sum of up to 2^37 products has no rounding at all, in whatever order BLAS adds them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dgemm, dsyrk

from ridge_spark.ridge.threads import blas_threads

EXACT_ROWS = 2**37  # more rows than this and the largest possible sum would pass 2^53
PANEL_BYTES = 8 * 2**20  # of float64 pixels at a time: enough for BLAS to run at full speed


class PortableAccumulator:
    """Float64 sums of one tile of the statistics; the contract is `kernel.accumulator`."""

    def __init__(
        self, d: int, classes: int, *, threads: int = 1, tile: tuple[slice, slice] | None = None
    ) -> None:
        self.rows, self.columns = tile or (slice(0, d), slice(0, d))
        self.threads = threads
        height = self.rows.stop - self.rows.start
        width = self.columns.stop - self.columns.start
        self.counts = np.zeros(classes, np.int64)
        self.sums = np.zeros((classes, height), np.int64)
        self.total = np.zeros((height, width), np.int64)
        # Fortran order, since BLAS then adds into it in place.
        self.partial = np.zeros((height, width), np.float64, order="F")
        self.pending = 0

    def add(self, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> None:
        """Add a block: `images` of shape (rows, d), any strides, and `labels` of shape (rows,)."""
        classes = len(self.counts)
        self.counts += np.bincount(labels, minlength=classes)
        panel_rows = max(1, PANEL_BYTES // (8 * max(self.partial.shape)))
        with blas_threads(self.threads):
            for start in range(0, len(images), panel_rows):
                panel = images[start : start + panel_rows]
                one_hot = labels[start : start + panel_rows, None] == np.arange(classes)
                self._add_panel(panel, one_hot.astype(np.float64))

    def _add_panel(self, panel: NDArray[np.uint8], one_hot: NDArray[np.float64]) -> None:
        if self.pending + len(panel) > EXACT_ROWS:
            self._flush()
        self.pending += len(panel)
        left = panel[:, self.rows].astype(np.float64, order="C")
        self.sums += (one_hot.T @ left).astype(np.int64)
        if self.rows == self.columns:
            dsyrk(1.0, left.T, beta=1.0, c=self.partial, lower=1, overwrite_c=1)
        else:
            right = panel[:, self.columns].astype(np.float64, order="C")
            dgemm(1.0, left.T, right.T, beta=1.0, c=self.partial, trans_b=1, overwrite_c=1)

    def _flush(self) -> None:
        self.total += self.partial.astype(np.int64)
        self.partial[:] = 0
        self.pending = 0

    def finish(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return `counts` (classes,), `sums` (classes, tile rows) and `gram` (tile), all int64."""
        self._flush()
        gram = self.total
        if self.rows == self.columns:
            lower = np.tril_indices_from(gram, -1)
            gram.T[lower] = gram[lower]
        return self.counts, self.sums, gram
