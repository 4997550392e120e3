"""The images from which a map is found: chosen by hashes of their row numbers, whoever reads them.

So that few blocks are read, rows are chosen from pages of 1,024 rows, and of a large data set from
the 64 pages with the smallest hashes; of their rows, those with the smallest hashes. What is chosen
depends on the seed and the number of rows alone, and parts read by different readers merge in any
order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import hashes

PAGE_ROWS = 1024
PAGES = 64
IMAGES = 4096
SAMPLE_BYTES = 2**29  # of images at most
PURPOSE = 0x5A3B1E  # what these random numbers are for, apart from others of the same seed


@dataclass(frozen=True)
class SampleRows:
    """Which of `rows` images of `d` bytes are in the sample of a seed."""

    rows: int
    d: int
    seed: int

    @cached_property
    def chosen(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Row numbers and their hashes, the smallest hash first."""
        pages = -(-self.rows // PAGE_ROWS)
        page_hashes = hashes(self.seed, PURPOSE + 1, np.arange(pages))
        taken = np.sort(np.argsort(page_hashes, kind="stable")[:PAGES])
        rows = (taken[:, None] * PAGE_ROWS + np.arange(PAGE_ROWS)).ravel()
        rows = rows[rows < self.rows]
        keys = hashes(self.seed, PURPOSE, rows)
        order = np.argsort(keys, kind="stable")[: max(16, min(IMAGES, SAMPLE_BYTES // self.d))]
        return rows[order], keys[order]

    def wanted(self, first_row: int, rows: int) -> bool:
        """Whether any of the rows first_row, ..., first_row + rows - 1 is in the sample."""
        chosen = self.chosen[0]
        return bool(((chosen >= first_row) & (chosen < first_row + rows)).any())


@dataclass(frozen=True)
class Sample:
    """The sampled images (S, d) and the hashes of their row numbers (S,), the smallest first.

    `labels` (S,) say which of them are alike; None where that is not known.
    """

    images: NDArray[np.uint8]
    keys: NDArray[np.uint64]
    labels: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, blocks: Iterable[Block], rows: SampleRows) -> Self:
        """Take the sample from blocks in any order; those without any of it may be left out."""
        chosen, keys = rows.chosen
        images = np.empty((len(chosen), rows.d), np.uint8)
        labels = np.empty(len(chosen), np.int64)
        missing = len(chosen)
        for block in blocks:
            inside = np.flatnonzero(
                (chosen >= block.first_row) & (chosen < block.first_row + len(block.labels))
            )
            images[inside] = block.images[chosen[inside] - block.first_row]
            labels[inside] = block.labels[chosen[inside] - block.first_row]
            missing -= len(inside)
        if missing:
            raise ValueError(f"{missing} of {len(chosen)} images of the sample are in no block")
        return cls(images, keys, labels)
