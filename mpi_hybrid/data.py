"""Data parallel: every rank reads its own blocks, and no image ever leaves a rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpi_hybrid.engine import MpiEngine, unwatched
from mpi_hybrid.rows import Rows, joined
from ridge_spark.data.dataset import BlockDescriptor
from ridge_spark.engines.local import read_ahead
from ridge_spark.engines.shares import split_evenly
from ridge_spark.ridge.selection import Block


class DataEngine(MpiEngine):
    """The images stay spread out, on disk: each pass streams a rank's blocks through it."""

    name = "mpi-data"

    def share(self, rows: Rows) -> Rows:
        """An even part of the blocks in `rows`."""
        mine = split_evenly(self.blocks_in(rows), self.world.size)[self.world.rank]
        return joined((block.first_row, block.first_row + block.rows) for block in mine)

    def blocks(self, rows: Rows) -> Iterator[Block]:
        return read_ahead(self.blocks_in(rows), unwatched)

    def blocks_in(self, rows: Rows) -> Sequence[BlockDescriptor]:
        """Blocks of the training images that begin in `rows`."""
        ends = iter(rows)
        start, stop = next(ends, (0, 0))
        found = []
        for block in self.train.blocks:
            while block.first_row >= stop and (following := next(ends, None)):
                start, stop = following
            if start <= block.first_row < stop:
                found.append(block)
        return found
