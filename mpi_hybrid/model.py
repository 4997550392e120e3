"""Model parallel: all images once on every node, in memory that its ranks share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from mpi_hybrid.engine import MpiEngine
from mpi_hybrid.rows import Rows, partition, pieces
from mpi_hybrid.world import World
from ridge_spark.data.dataset import BlockDescriptor, Split
from ridge_spark.data.writer import block_rows
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.read_ahead import read_ahead
from ridge_spark.errors import InputError
from ridge_spark.progress import Advance
from ridge_spark.ridge.blocks import Block

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where an MPI on Linux puts its windows


class ModelEngine(MpiEngine):
    """The ranks of all nodes divide the rows evenly, and each reads its rows in shared memory."""

    name = "mpi-model"
    whole_x = True

    def __init__(self, world: World, train: Split, *others: Any) -> None:
        super().__init__(world, train, *others)
        self.images = SharedImages(world, train)
        with self.progress.stage("load", train.rows) as advance:
            with self.working("load"):
                self.images.fill(train, advance)
            with world.waiting():
                self.images.settle()

    def reader(self) -> Callable[[BlockDescriptor], Block]:
        return self.images.read

    def my_part(self, rows: Rows) -> Rows:
        return partition(rows, self.world.rank, self.world.size)

    def blocks(self, rows: Rows) -> Iterator[Block]:
        for start, stop in pieces(rows, block_rows(self.train.description.d)):
            yield Block(start, self.images.images[start:stop], self.images.labels[start:stop])


class SharedImages:
    """`images` (n, d) uint8 and `labels` (n,) int32, held once by each node.

    The ranks of a node fill an MPI shared-memory window together: each reads its part of the
    blocks from disk, none reads all. What the others have read is there once all have settled.
    """

    def __init__(self, world: World, split: Split) -> None:
        n, d = split.rows, split.description.d
        self._windows: list[MPI.Win] = []
        self._node = world.node
        _require_room(world, n * (d + 4))
        self.images: NDArray[np.uint8] = self._window(np.dtype(np.uint8), (n, d))
        self.labels: NDArray[np.int32] = self._window(np.dtype(np.int32), (n,))

    def fill(self, split: Split, advance: Advance) -> None:
        mine = split_evenly(split.blocks, self._node.size)[self._node.rank]
        for block in read_ahead(mine, lambda rows: advance(rows * self._node.size)):
            rows = slice(block.first_row, block.first_row + len(block.labels))
            self.images[rows], self.labels[rows] = block.images, block.labels

    def read(self, block: BlockDescriptor) -> Block:
        rows = slice(block.first_row, block.first_row + block.rows)
        return Block(block.first_row, self.images[rows], self.labels[rows])

    def settle(self) -> None:
        for window in self._windows:
            window.Fence()

    def _window(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        size = int(np.prod(shape)) * dtype.itemsize if self._node.rank == 0 else 0
        window = MPI.Win.Allocate_shared(size, dtype.itemsize, comm=self._node)
        window.Fence()
        self._windows.append(window)
        memory: Any = window.Shared_query(0)[0]
        return np.frombuffer(memory, dtype).reshape(shape)


def _require_room(world: World, size: int) -> None:
    """`InputError` on every rank where the shared memory of a node can't hold `size` bytes.

    Without it, the first write beyond the limit would kill the rank with a bus error.
    """
    free = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else size
    rooms = world.comm.allgather((free, world.host))
    least, host = min(rooms)
    if least < size:
        raise InputError(
            f"the images need {size / 2**30:.1f} GiB of shared memory on every node, but "
            f"{SHARED_MEMORY} of {host} has {least / 2**30:.1f} GiB left: make it larger, use "
            "--limit, or train with the data mode"
        )
