"""XX' by pairs (a, b) of parts of the blocks: each a task that reads both and makes a tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import BlockDescriptor
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.view import View
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.products import ImageProducts, products_of

Read = Callable[[BlockDescriptor], Block]
Part = Sequence[BlockDescriptor]

STRIP_BYTES = 2**24  # of products that a JVM is handed at a time
PAIRS_OF_A_WORKER = 3  # at least, so that none waits long for the last


def parts_for(n: int, d: int, workers: int, memory: int) -> int:
    """Parts of n images of d bytes so that a task with `memory` can hold two of them.

    And so that there are some pairs for each of several workers: each image is read as often as
    there are parts.
    """
    for_memory = 1 if n * d <= memory else math.ceil(2 * n * d / memory)
    pairs = PAIRS_OF_A_WORKER * workers if workers > 1 else 1
    for_workers = math.ceil((math.sqrt(8 * pairs + 1) - 1) / 2)  # p (p + 1) / 2 ≥ pairs
    return max(for_memory, for_workers)


def pairs_of(blocks: Sequence[BlockDescriptor], parts: int) -> list[tuple[Part, Part | None]]:
    """Pairs of parts, the second None where it is the first."""
    split = split_evenly(blocks, min(parts, len(blocks)))
    pairs = combinations_with_replacement(range(len(split)), 2)
    return [(split[a], None if a == b else split[b]) for a, b in pairs]


@dataclass(frozen=True)
class PairTask:
    """Called with a pair of parts, returns their products."""

    read: Read
    view: View
    threads: int

    def __call__(self, pair: tuple[Part, Part | None]) -> PairProducts:
        first, second = pair
        rows, X, labels = self._images(first)
        if second is None:
            return PairProducts(rows, rows, products_of(X, threads=self.threads), labels)
        columns, Y, _ = self._images(second)
        return PairProducts(rows, columns, products_of(X, Y, threads=self.threads), None)

    def _images(self, part: Part) -> tuple[slice, NDArray[np.uint8], NDArray[np.int64]]:
        """Which rows of all these images are, what is seen of them (rows, d), and their labels."""
        start, n = part[0].first_row, sum(block.rows for block in part)
        images = np.empty((n, self.view.d), np.uint8)
        labels = np.empty(n, np.int64)
        for block in self.view.of_blocks(map(self.read, part), threads=self.threads):
            first = block.first_row - start
            here = slice(first, first + len(block.labels))
            images[here], labels[here] = block.images, block.labels
        return slice(start, start + n), images, labels


@dataclass(frozen=True)
class PairProducts:
    """A tile of XX', and of one on the diagonal the labels of its images."""

    rows: slice
    columns: slice
    gram: NDArray[np.int64]
    labels: NDArray[np.int64] | None

    def strips(self) -> list[PairProducts]:
        """The same in parts of a few rows each, small enough to travel."""
        some = max(1, STRIP_BYTES // (8 * self.gram.shape[1]))
        return [
            PairProducts(
                slice(self.rows.start + start, self.rows.start + start + len(gram)),
                self.columns,
                gram,
                None if self.labels is None else self.labels[start : start + some],
            )
            for start in range(0, len(self.gram), some)
            for gram in [self.gram[start : start + some]]
        ]


def assemble_products(found: Iterable[PairProducts], n: int, view: View) -> ImageProducts:
    """XX' (n, n) of its tiles, in any order."""
    gram, labels = np.empty((0, 0), np.int64), np.empty(n, np.int64)
    for pair in found:
        if pair.gram.shape == (n, n) and pair.labels is not None:  # all of it
            return ImageProducts(pair.labels, pair.gram, view.classes, view.d)
        if not len(gram):
            gram = np.empty((n, n), np.int64)
        gram[pair.rows, pair.columns] = pair.gram
        if pair.labels is None:
            gram[pair.columns, pair.rows] = pair.gram.T
        else:
            labels[pair.rows] = pair.labels
    return ImageProducts(labels, gram, view.classes, view.d)
