"""What both modes have in common: parts of the work, checkpoints of pass one, exact sums."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from mpi4py import MPI

from mpi_hybrid.checkpoint import Checkpoint, Part, Progressed
from mpi_hybrid.memory import proportional_mb
from mpi_hybrid.resources import mpi_resources
from mpi_hybrid.rows import Rows, count, joined, missing
from mpi_hybrid.stop import Stopped, StopRequest
from mpi_hybrid.world import World
from ridge_spark.data.dataset import Split
from ridge_spark.engines.engine import Engine, Item, Result
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.memory import peak_rss_mb
from ridge_spark.engines.on_threads import map_on_threads
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.read_ahead import read_ahead
from ridge_spark.engines.view import BlockTask, View
from ridge_spark.progress import Advance, Progress, Task
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Scored
from ridge_spark.ridge.packed import AnyStatistics, PackedStatistics
from ridge_spark.ridge.selection import Tested, group_statistics
from ridge_spark.ridge.solution import Indices, Solution, StoredPath, WeightPath
from ridge_spark.ridge.statistics import Statistics


class MpiEngine(Engine):
    """One of the ranks. All of them call the same methods in the same order and get the same.

    A method that says so is collective: all ranks must call it, or those that do wait for ever. So
    are all passes.
    """

    runtime = "mpi"
    combine = "exact"

    def __init__(
        self,
        world: World,
        train: Split,
        test: Split | None,
        threads: int,
        checkpoint: Checkpoint,
        stop: StopRequest,
        progress: Progress,
    ) -> None:
        super().__init__(train, test, mpi_resources(world, threads, self.whole_x), progress)
        self.world, self.checkpoint, self.stop = world, checkpoint, stop
        self.tasks: list[Task] = []  # what this rank has worked on
        self.node_mb = np.zeros(2)  # of a node at most: all memory, shared memory
        self.groups: list[Statistics] = []  # of all images, once they are known
        self.key = ""  # of the view whose statistics `groups` are
        self._done: Rows = []

    @abstractmethod
    def my_part(self, rows: Rows) -> Rows:
        """Part of `rows` of the training images, for this rank."""

    @abstractmethod
    def blocks(self, rows: Rows) -> Iterator[Block]:
        """The training images `rows`, which are this rank's part of all or of what is left."""

    def see(self, view: View, key: str = "") -> None:
        if key != self.key:
            self.groups = []
            self.checkpoint.turn_to(key)
        self.view, self.key = view, key

    def once(self, function: Callable[[], Result]) -> Result:
        """Collective. What `function` returns on rank 0, on every rank."""
        return self.world.from_root(function)

    def take(self, parts: Sequence[Part]) -> Sequence[Part]:
        """Those of the files of a checkpoint that this rank takes up."""
        return parts[self.world.rank :: self.world.size]

    def map(
        self,
        stage: str,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        threads: int | None = None,
    ) -> list[Result]:
        """Collective. Each rank does an even part of the items; every rank gets all results."""
        self.end_if_asked()
        parts = split_evenly(items, self.world.size)
        with self.working(stage):
            mine = map_on_threads(
                task, parts[self.world.rank], self.threads, threads or self.threads
            )
        return list(chain.from_iterable(self.world.gather(mine, list(map(len, parts)))))

    def sum_over_blocks(self, stage: str, task: BlockTask, split: Split) -> Any:
        """Collective. Each rank does its part of the blocks; every rank gets the sum."""
        self.end_if_asked()
        with self.progress.stage(stage, split.rows):
            with self.working(stage):
                mine = task(self.my_blocks(split), threads=self.threads)
            self.add_up(mine)
        self._note_memory()
        return mine

    def my_blocks(self, split: Split) -> Iterator[Block]:
        """A rank's part of a split; other than training images it reads itself."""
        if split is self.train:
            return self.blocks(self.my_part([(0, split.rows)]))
        blocks = split_evenly(split.blocks, self.world.size)[self.world.rank]
        return read_ahead(blocks, unwatched)

    def statistics(self, folds: Folds) -> list[Statistics]:
        """Collective. Pass one, or what is left of it, then the sums over all ranks.

        A second call returns the same again.
        """
        if not self.groups:
            task = self.task_by_group(group_statistics, folds)
            with self.progress.stage("statistics", self.train.rows) as advance:
                mine = self._resumed(advance)
                self._sum_my_rows(mine, task, advance)
                self.end_if_asked(mine)
                self.groups = self.reduced(mine.groups or task((), threads=1))
            if self.checkpoint.due():
                self.save()
        return self.groups

    def packed_statistics(self, folds: Folds) -> list[PackedStatistics]:
        """Collective."""
        return [PackedStatistics.of(group) for group in self.statistics(folds)]

    def reduced(self, mine: list[Statistics]) -> list[Statistics]:
        """The statistics of each group over all ranks; takes the place of `mine`."""
        self.add_up(mine)
        return mine

    def add_up(self, result: Any) -> None:
        """Collective. Replace the result of a `BlockTask` by its sum over all ranks."""
        if isinstance(result, list):
            for each in result:
                self.add_up(each)
        elif isinstance(result, Statistics):
            for array in (result.counts, result.sums, result.gram):
                self.world.add_up(array)
        elif isinstance(result, Tested):
            self.add_up(result.arrays)
        elif isinstance(result, Scored):
            self.world.add_up(result.n)
            self.world.add_up(result.correct)
            result.keep(self.world.of_all(result.outcomes), self.world.of_all(result.images))
        else:
            self.world.add_up(result)

    def save(self) -> None:
        """Write a checkpoint of all of pass one, if its statistics are still there."""
        if self.world.rank == 0 and self.groups:
            self.checkpoint.write(Progressed(self.groups, [(0, self.train.rows)]))

    def solve(
        self,
        fitted_on: Sequence[AnyStatistics],
        lambdas: Float,
        solver: str,
    ) -> list[Solution]:
        """Collective. The systems are divided among the ranks, or for Cholesky each system and λ.

        The weights of the last system stay with its rank: its path is a `CollectivePath`.
        """
        if solver == "cholesky":
            return super().solve(fitted_on, lambdas, solver)
        here = self.alone()
        return self._divided(fitted_on, lambda mine: here.solve(mine, lambdas, solver), lambdas)

    def solve_each(
        self,
        systems: Sequence[Callable[[], CentredSystem]],
        unknowns: int,
        lambdas: Float,
        solver: str,
    ) -> list[Solution]:
        """Collective. As `solve`; every rank can make every system."""
        here = self.alone()

        def solve_mine(mine: Sequence[Callable[[], CentredSystem]]) -> list[Solution]:
            return here.solve_each(mine, unknowns, lambdas, solver) if mine else []

        return self._divided(systems, solve_mine, lambdas)

    def alone(self) -> LocalEngine:
        """An engine of the rank's own threads, for what needs no other rank."""
        return LocalEngine(self.train, None, self.threads, Progress(quiet=True))

    def _divided(
        self,
        systems: Sequence[Item],
        solve_mine: Callable[[Sequence[Item]], list[Solution]],
        lambdas: Float,
    ) -> list[Solution]:
        """Collective. The solutions of all systems, each rank's part by `solve_mine`."""
        self.end_if_asked()
        parts = split_evenly(systems, self.world.size)
        with self.progress.stage("solve"):
            with self.working("factorise"):
                mine = solve_mine(parts[self.world.rank])
            owner = self.world.size - 1  # its part has the last system
            full = mine.pop() if self.world.rank == owner else None
            sent = [solution.stored() for solution in mine]
            *others, last = map(len, parts)
            fitted = self.world.gather(sent, [*others, last - 1])
            path = CollectivePath(self.world, owner, full.path if full else None, len(lambdas))
            none = np.zeros((len(lambdas), 0, 0)), np.zeros((len(lambdas), 0))  # weights stay
            figures = replace(full, path=StoredPath(*none)) if full else None
            figures = self.world.bcast(figures, owner)
        return [*chain.from_iterable(fitted), replace(figures, path=path)]

    def peak_rss_mb(self) -> float:
        """Collective."""
        return self.world.comm.allreduce(peak_rss_mb(), MPI.MAX)

    def _resumed(self, advance: Advance) -> Progressed:
        """What checkpoints hold of this rank's part; every rank learns what all of them hold."""
        parts = self.world.from_root(self.checkpoint.find)
        self._done = joined(ends for part in parts for ends in part.rows)
        if parts and self.world.rank == 0:
            self.progress.say(
                f"resumed: {count(self._done):,} of {self.train.rows:,} images are in the "
                f"checkpoint {self.checkpoint.folder}"
            )
            advance(count(self._done))
        return self.checkpoint.take_up(self.take(parts))

    def _sum_my_rows(self, mine: Progressed, task: BlockTask, advance: Advance) -> None:
        """Sum this rank's rows, in one go but for the checkpoints; stops early when asked to."""
        rows = self.my_part(missing(self._done, self.train.rows))
        blocks, left = self.blocks(rows), count(rows)
        while left and not self.stop.received:
            seen: list[tuple[int, int]] = []
            with self.working("statistics"):
                sums = task(self._until_due(blocks, seen, advance), threads=self.threads)
            mine.add(sums, joined(seen))
            left -= count(seen)
            if left and self.checkpoint.due():
                self.checkpoint.write(mine)

    def _until_due(self, blocks: Iterator[Block], seen: Rows, advance: Advance) -> Iterator[Block]:
        """Pass blocks on and note them in `seen`, until it is time to save."""
        for block in blocks:
            yield block
            rows = len(block.labels)
            seen.append((block.first_row, block.first_row + rows))
            advance(rows * self.world.size)
            if self.stop.received or self.checkpoint.due():
                return

    def end_if_asked(self, mine: Progressed | None = None) -> None:
        """Save and raise `Stopped` on every rank if a signal has come to one."""
        if not self.world.any(self.stop.received is not None):
            return
        if mine is None:
            self.save()
        else:
            self.checkpoint.write(mine)
        self.world.comm.Barrier()
        raise Stopped(self._farewell())

    def _farewell(self) -> str:
        if not self.checkpoint.usable:
            return "stopped by a signal; nothing could be saved beside --out"
        return (
            f"stopped by a signal; {self.checkpoint.folder} has what is done, "
            "and the same command goes on from there"
        )

    def _note_memory(self) -> None:
        """Keep what a node holds at most; pages that its ranks share count once."""
        here = self.world.node.allreduce(np.array(proportional_mb()))
        self.node_mb = np.max(self.world.comm.allgather(here), axis=0)

    @contextmanager
    def working(self, stage: str) -> Iterator[None]:
        """Note what runs inside as a task of this rank."""
        start = time.time()
        yield
        worker = f"{self.world.host}/{self.world.rank}"
        self.tasks.append(Task(stage, worker, start, time.time(), peak_rss_mb()))


@dataclass(frozen=True)
class CollectivePath:
    """Weights that rank `owner` alone can form: `weights` is a collective call."""

    world: World
    owner: int
    mine: WeightPath | None  # on the owner
    length: int

    def __len__(self) -> int:
        return self.length

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        """Collective."""
        formed = self.mine.weights(indices) if self.mine else None
        return self.world.bcast(formed, self.owner)


def unwatched(rows: int) -> None:
    """Rows read are progress to nobody."""
