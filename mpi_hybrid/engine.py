"""What both modes share: checkpointed passes, exact sums, candidates spread over the ranks."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from mpi_hybrid.checkpoint import Checkpoint, Part, Progressed
from mpi_hybrid.memory import proportional_mb
from mpi_hybrid.rows import Rows, count, joined, missing
from mpi_hybrid.stop import Stopped, StopRequest
from mpi_hybrid.world import World
from ridge_spark.data.dataset import Split
from ridge_spark.engines.local import peak_rss_mb, read_ahead
from ridge_spark.engines.partition import split_evenly
from ridge_spark.model import Model
from ridge_spark.progress import Advance, Progress, Task
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import CentredSystem, Float, centre
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.selection import (
    Weights,
    confusion_of,
    group_correct,
    group_statistics,
)
from ridge_spark.ridge.solution import Indices, Solution, StoredPath, WeightPath
from ridge_spark.ridge.solvers import factorise, threads_for
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import blas_threads, parallel_map


class MpiEngine(ABC):
    """One of the ranks. All of them call the same methods in the same order and get the same."""

    name: str
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
        self.world, self.train, self.test = world, train, test
        self.workers, self.threads = world.size, threads
        self.checkpoint, self.stop, self.progress = checkpoint, stop, progress
        self.tasks: list[Task] = []  # what this rank has worked on
        self.node_mb = np.zeros(2)  # of a node at most: all memory, shared memory
        self.groups: list[Statistics] = []  # of all images, once they are known
        self._done: Rows = []

    @abstractmethod
    def share(self, rows: Rows) -> Rows:
        """Part of `rows` of the training images, for this rank."""

    @abstractmethod
    def blocks(self, rows: Rows) -> Iterator[Block]:
        """The training images `rows`, which are this rank's part of all or of what is left."""

    def take(self, parts: Sequence[Part]) -> Sequence[Part]:
        """Those of the files of a checkpoint that this rank takes up."""
        return parts[self.world.rank :: self.world.size]

    def statistics(self, folds: Folds) -> list[Statistics]:
        """Pass one, or what is left of it, then the sums over all ranks: exact, for they are int64.

        A second call returns the same again.
        """
        if not self.groups:
            with self.progress.stage("statistics", self.train.rows) as advance:
                mine = self._resumed(advance)
                self._sum_my_rows(mine, folds, advance)
                self.end_if_asked(mine)
                self.groups = self.reduced(mine.groups or self._nothing(folds))
            if self.checkpoint.due():
                self.save()
        return self.groups

    def reduced(self, mine: list[Statistics]) -> list[Statistics]:
        """The statistics of each group over all ranks; takes the place of `mine`."""
        for statistics in mine:
            for array in (statistics.counts, statistics.sums, statistics.gram):
                self.world.add_up(array)
        return mine

    def save(self) -> None:
        """Write a checkpoint of all of pass one."""
        if self.world.rank == 0:
            self.checkpoint.write(Progressed(self.groups, [(0, self.train.rows)]))

    def solve(self, fitted_on: Sequence[Statistics], lambdas: Float, solver: str) -> list[Solution]:
        """Each rank its share of the factorisations: one for each system, or each system and λ."""
        self.end_if_asked()
        at_once = 1 if solver == "cholesky" else len(lambdas)
        runs = [lambdas[i : i + at_once] for i in range(0, len(lambdas), at_once)]
        last = len(fitted_on) - 1
        work = [(i, run) for i in range(last + 1) for run in runs]
        shares = split_evenly(work, self.world.size)
        share = shares[self.world.rank]
        with self.working("solve"):
            indices = sorted({i for i, _ in share})
            systems = parallel_map(centre, [fitted_on[i] for i in indices], self.threads)
            centred = dict(zip(indices, systems, strict=True))
            to_solve = [(centred[i], run) for i, run in share]
            mine = iter(self.solve_mine(to_solve, solver, later=centred.get(last)))
        each = [
            self._everywhere(next(mine) if owner == self.world.rank else None, owner)
            for owner, owned in enumerate(shares)
            for _ in owned
        ]
        L = len(runs)
        if L == 1:
            return each
        return [Solution.join(each[i * L : (i + 1) * L]) for i in range(last + 1)]

    def solve_mine(
        self,
        work: Sequence[tuple[CentredSystem, Float]],
        solver: str,
        later: CentredSystem | None = None,
    ) -> list[Solution]:
        """Small systems side by side on this rank's threads; large ones in turn, each on all.

        With the weights for every λ, but of `later`: of all images, few will be asked for.
        """

        def solved(system: CentredSystem, lambdas: Float) -> Solution:
            solution = factorise(system, solver).solve(lambdas)
            return solution if system is later else solution.stored()

        largest = max((len(system.gram) for system, _ in work), default=0)
        of_each = threads_for(largest, self.threads)
        at_once = max(1, min(self.threads // of_each, len(work)))
        with blas_threads(of_each), ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda each: solved(*each), work))

    def _everywhere(self, mine: Solution | None, owner: int) -> Solution:
        """What rank `owner` has solved, on every rank; its weights by a collective call later."""
        figures = replace(mine, path=_NO_WEIGHTS) if mine else None
        with self.world.waiting():
            figures = self.world.comm.bcast(figures, owner)
        path = CollectivePath(self.world, owner, mine.path if mine else None, len(figures.gcv))
        return replace(figures, path=path)

    def score(self, folds: Folds, candidates: Mapping[int, Weights]) -> NDArray[np.int64]:
        """Pass two: each rank all candidates on its rows, an even share however many there are."""
        self.end_if_asked()
        with self.progress.stage("score", self.train.rows):
            mine = self.blocks(self.share([(0, self.train.rows)]))
            with self.working("score"):
                correct = group_correct(mine, folds, candidates, threads=self.threads)
            self.world.add_up(correct)
        self._note_memory()
        return correct

    def confusion(self, model: Model) -> NDArray[np.int64]:
        """Each rank some of the test blocks, which it reads itself."""
        self.end_if_asked()
        blocks = self.test.blocks if self.test else ()
        with self.progress.stage("test", sum(block.rows for block in blocks)):
            mine = split_evenly(blocks, self.world.size)[self.world.rank]
            with self.working("test"):
                confusion = confusion_of(
                    read_ahead(mine, unwatched), model.coef, model.intercept, threads=self.threads
                )
            self.world.add_up(confusion)
        return confusion

    def peak_rss_mb(self) -> float:
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

    def _sum_my_rows(self, mine: Progressed, folds: Folds, advance: Advance) -> None:
        """Sum this rank's rows, in one go but for the checkpoints; stops early when asked to."""
        about = self.train.description
        rows = self.share(missing(self._done, self.train.rows))
        blocks, left = self.blocks(rows), count(rows)
        while left and not self.stop.received:
            seen: list[tuple[int, int]] = []
            with self.working("statistics"):
                sums = group_statistics(
                    self._until_due(blocks, seen, advance),
                    folds,
                    about.d,
                    len(about.class_names),
                    threads=self.threads,
                )
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

    def _nothing(self, folds: Folds) -> list[Statistics]:
        about = self.train.description
        return [Statistics.zeros(len(about.class_names), about.d) for _ in range(folds.groups)]

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
    """Weights that one rank has: `weights` is a collective call, which all ranks make alike."""

    world: World
    owner: int
    mine: WeightPath | None  # on the owner alone
    length: int

    def __len__(self) -> int:
        return self.length

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        with self.world.waiting(), blas_threads(1):
            formed = self.mine.weights(indices) if self.mine else None
            return self.world.comm.bcast(formed, self.owner)


_NO_WEIGHTS = StoredPath(np.zeros((0, 0, 0)), np.zeros((0, 0)))  # they follow when asked for


def unwatched(rows: int) -> None:
    """Rows read are progress to nobody."""
