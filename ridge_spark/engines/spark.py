"""What both Spark engines share: the context, tasks over blocks, and merging by a tree."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pyspark import SparkContext

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import BlockDescriptor, Split
from ridge_spark.engines.engine import solve_here
from ridge_spark.engines.local import peak_rss_mb
from ridge_spark.engines.merging import merge_by_key, merge_by_tree
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.spark_session import watch
from ridge_spark.engines.task_records import Records, recorded
from ridge_spark.model import Model
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import Float, centre
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import confusion_of, group_correct, group_sums
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import solve, threads_for
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import parallel_map

T = TypeVar("T")
Read = Callable[[BlockDescriptor], Block]
Function = Callable[[Any], Any]

TASK_BYTES = 2 * 2**30  # of pixels; beyond, a run has more tasks than cores
TILE_BYTES = 512 * 2**20  # of statistics that one task may hold


class SparkEngine(ABC):
    """Tasks over slices of the blocks; how a task gets its images is up to the engine."""

    name: str

    def __init__(
        self,
        sc: SparkContext,
        train: Split,
        test: Split | None,
        partitions: int | None,
        progress: Progress,
    ) -> None:
        self.sc, self.train, self.test, self.progress = sc, train, test, progress
        self.threads = int(sc.getConf().get("spark.task.cpus", "1"))
        self.workers = max(1, sc.defaultParallelism // self.threads)
        wanted = partitions or self.workers * math.ceil(
            train.rows * train.description.d / (self.workers * TASK_BYTES)
        )
        self.partitions = min(wanted, len(train.blocks))

    @abstractmethod
    def reader(self) -> Read:
        """The function by which a task reads a block."""

    def statistics(self, folds: Folds) -> list[Statistics]:
        about = self.train.description
        d, classes = about.d, len(about.class_names)
        tiles = tiles_of(d, folds.groups)
        task = partial(_tile_sums, self.reader(), tiles, folds, d, classes, self.threads)
        work = [
            (number, part)
            for part in split_evenly(self.train.blocks, self.partitions)
            for number in range(len(tiles))
        ]
        with self._stage("statistics", len(work)) as record:
            parts = self.sc.parallelize(work, len(work)).flatMap(record(task))
            merged = (
                merge_by_tree(parts, len(work))
                if len(tiles) == 1
                else merge_by_key(parts, folds.groups * len(tiles))
            )
        return [_assemble(merged, group, tiles, d) for group in range(folds.groups)]

    def solve(self, fitted_on: Sequence[Statistics], lambdas: Float, solver: str) -> list[Solution]:
        """One factorisation for all λ on the driver; a Cholesky one for each λ in tasks."""
        if solver != "cholesky" or self.workers == 1:
            return solve_here(fitted_on, lambdas, solver, available_cores())
        shared = [
            self.sc.broadcast(system)
            for system in parallel_map(centre, fitted_on, available_cores())
        ]
        work = [(i, lam) for i in range(len(shared)) for lam in lambdas]

        def task(item: tuple[int, float]) -> Solution:
            i, lam = item
            system = shared[i].value
            of_each = threads_for(len(system.gram), threads)
            return solve(system, np.array([lam]), solver, threads=of_each).stored()

        threads = self.threads
        with self._stage("factorise", len(work)) as record:
            each = self.sc.parallelize(work, len(work)).map(record(task)).collect()
        L = len(lambdas)
        return [Solution.join(each[i * L : (i + 1) * L]) for i in range(len(shared))]

    def score(self, folds: Folds, candidates: Mapping[int, Weights]) -> NDArray[np.int64]:
        shared = self.sc.broadcast(dict(candidates))
        task = partial(_correct, self.reader(), shared, folds, self.threads)
        return self._sum_over_blocks("score", self.train.blocks, task)

    def confusion(self, model: Model) -> NDArray[np.int64]:
        k = len(model.class_names)
        if self.test is None:
            return np.zeros((k, k), np.int64)
        shared = self.sc.broadcast((model.coef, model.intercept))
        task = partial(_confusion, self.reader(), shared, self.threads)
        return self._sum_over_blocks("test", self.test.blocks, task)

    def peak_rss_mb(self) -> float:
        return max([peak_rss_mb(), *(task.peak_rss_mb for task in self.progress.tasks)])

    def _sum_over_blocks(
        self,
        stage: str,
        blocks: Sequence[BlockDescriptor],
        task: Callable[[Sequence[BlockDescriptor]], NDArray[np.int64]],
    ) -> NDArray[np.int64]:
        parts = split_evenly(blocks, min(self.partitions, len(blocks)))
        return self._sum(stage, parts, task)

    def _sum(
        self, stage: str, parts: Sequence[Any], task: Callable[[Any], NDArray[np.int64]]
    ) -> NDArray[np.int64]:
        with self._stage(stage, len(parts)) as record:
            return self.sc.parallelize(parts, len(parts)).map(record(task)).reduce(operator.add)

    @contextmanager
    def _stage(self, name: str, tasks: int) -> Iterator[Callable[[Function], Function]]:
        """Report how many tasks are done; yields what makes a task leave a record of itself."""
        records = self.sc.accumulator([], Records())
        with self.progress.stage(name, tasks, "tasks") as advance, watch(self.sc, advance):
            yield lambda task: partial(recorded, task, name, records)
        self.progress.tasks += records.value


Tiles = list[tuple[slice, slice]]


def tiles_of(d: int, groups: int) -> Tiles:
    """Tiles (i, j), i ≤ j, of the Gram matrix, as large as the statistics of a task may be."""
    width = int(math.sqrt(TILE_BYTES / (16 * groups)))  # int64 sums, and as much to work with
    edges = split_evenly(range(d), math.ceil(d / width))
    columns = [slice(edge[0], edge[-1] + 1) for edge in edges]
    return [(i, j) for a, i in enumerate(columns) for j in columns[a:]]


def _tile_sums(
    read: Read,
    tiles: Tiles,
    folds: Folds,
    d: int,
    classes: int,
    threads: int,
    work: tuple[int, Sequence[BlockDescriptor]],
) -> list[tuple[tuple[int, int], Statistics | NDArray[np.int64]]]:
    """A task of pass one: its tile of each group, over its blocks; a diagonal one as statistics."""
    number, blocks = work
    i, j = tiles[number]
    sums = group_sums(map(read, blocks), folds, d, classes, threads=threads, tile=(i, j))
    return [
        ((group, number), Statistics(counts, pixel_sums, gram) if i == j else gram)
        for group, (counts, pixel_sums, gram) in enumerate(sums)
    ]


def _assemble(merged: dict[Any, Any], group: int, tiles: Tiles, d: int) -> Statistics:
    if len(tiles) == 1:
        return merged[group, 0]
    gram = np.empty((d, d), np.int64)
    sums = []
    counts = merged[group, 0].counts
    for number, (i, j) in enumerate(tiles):
        tile = merged.pop((group, number))
        if i == j:
            sums.append(tile.sums)
            tile = tile.gram
        gram[i, j] = tile
        gram[j, i] = tile.T
    return Statistics(counts, np.concatenate(sums, axis=1), gram)


def _correct(read: Read, shared: Any, folds: Folds, threads: int, blocks: Any) -> NDArray[np.int64]:
    """A task of pass two."""
    return group_correct(map(read, blocks), folds, shared.value, threads=threads)


def _confusion(read: Read, shared: Any, threads: int, blocks: Any) -> NDArray[np.int64]:
    return confusion_of(map(read, blocks), *shared.value, threads=threads)
