"""Data parallel: every rank reads its own blocks, and no image ever leaves a rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from mpi_hybrid.engine import MpiEngine, unwatched
from mpi_hybrid.rows import Rows, joined, within
from ridge_spark.data.dataset import BlockDescriptor
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.read_ahead import read_ahead
from ridge_spark.ridge.blocks import Block


class DataEngine(MpiEngine):
    """The images stay on disk: each pass streams a rank's blocks through it."""

    name = "mpi-data"

    def my_part(self, rows: Rows) -> Rows:
        """An even part of the blocks that `rows` are in."""
        mine = split_evenly(self.blocks_of(rows), self.world.size)[self.world.rank]
        return self.rows_of(mine, rows)

    def blocks(self, rows: Rows) -> Iterator[Block]:
        for block in read_ahead(self.blocks_of(rows), unwatched):
            first = block.first_row
            for start, stop in within(rows, first, first + len(block.labels)):
                part = slice(start - first, stop - first)
                yield Block(start, block.images[part], block.labels[part])

    def blocks_of(self, rows: Rows) -> Sequence[BlockDescriptor]:
        """The blocks of the training images that `rows` are in, whole or in part."""
        return [block for block in self.train.blocks if self.rows_of([block], rows)]

    def rows_of(self, blocks: Sequence[BlockDescriptor], rows: Rows) -> Rows:
        """Those of `rows` that are in `blocks`."""
        return joined(
            chain.from_iterable(
                within(rows, block.first_row, block.first_row + block.rows) for block in blocks
            )
        )
