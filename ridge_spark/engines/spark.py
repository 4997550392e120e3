"""What both Spark engines have in common: tasks anywhere and over blocks, sums by a tree."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from pyspark import RDD, SparkContext, StorageLevel

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import BlockDescriptor, Split
from ridge_spark.data.scratch import Scratch
from ridge_spark.engines.block_reports import Listener
from ridge_spark.engines.engine import Engine, Item, Result, Strips, add
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.memory import peak_rss_mb
from ridge_spark.engines.packed_sums import add_up, assembled, in_strips, store
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.resources import spark_resources
from ridge_spark.engines.spark_session import watch
from ridge_spark.engines.task_records import Records, recorded
from ridge_spark.engines.tiles import assemble, tiles_of, tiles_task
from ridge_spark.engines.view import BlockTask
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.kernel.upper import EXACT_ROWS, STRIP_ROWS
from ridge_spark.ridge.packed import AnyStatistics, PackedStatistics
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import blas_threads

Read = Callable[[BlockDescriptor], Block]
Function = Callable[[Any], Any]

TASK_BYTES = 2 * 2**30  # of pixels; beyond, a run has more tasks than cores
SUMS_BYTES = 5 * 2**28  # of 32-bit sums that a task may hold of all of X'X
TILES_OF_A_TASK = 3  # at most, where features have to be made
COLLECTED_BYTES = 2**25  # of results that come to the driver at once; each job more takes time
FAN_IN = 8  # results that one task, or the driver, adds up


class SparkEngine(Engine):
    """Tasks over slices of the blocks; how a task gets its images is up to the engine."""

    runtime = "spark"

    def __init__(
        self,
        sc: SparkContext,
        train: Split,
        test: Split | None,
        partitions: int | None,
        progress: Progress,
    ) -> None:
        super().__init__(train, test, spark_resources(sc, self.whole_x), progress)
        self.sc = sc
        wanted = partitions or self.workers * math.ceil(
            train.rows * train.description.d / (self.workers * TASK_BYTES)
        )
        self.partitions = min(wanted, len(train.blocks))

    @abstractmethod
    def reader(self) -> Read:
        """The function by which a task reads a block."""

    def map(
        self,
        stage: str,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        threads: int | None = None,
    ) -> list[Result]:
        with self._stage(stage, len(items)) as (record, _):
            call = partial(_do, self.sc.broadcast(task), threads or self.threads)
            return self.sc.parallelize(items, len(items)).map(record(call)).collect()

    def map_to_large(
        self, stage: str, task: Callable[[Item], Strips], items: Sequence[Item], nbytes: int
    ) -> Iterable[Strips]:
        if nbytes <= COLLECTED_BYTES:
            return self.map(stage, task, items)
        return self._strip_by_strip(stage, task, items)

    def _strip_by_strip(
        self, stage: str, task: Callable[[Item], Strips], items: Sequence[Item]
    ) -> Iterator[Strips]:
        """Results wait with the workers, in strips, and come to the driver strip by strip.

        Together they may be more than Spark lets a job return, and one of them more than a JVM can
        hand over.
        """
        call = partial(_do, self.sc.broadcast(task), self.threads)
        with self._stage(stage, len(items)) as (record, _):
            made = self.sc.parallelize(items, len(items)).map(record(call)).flatMap(_strips_of)
            made.persist(StorageLevel.MEMORY_AND_DISK)
            strips = made.count()
        numbered = made.zipWithIndex().map(lambda each: each[::-1])
        yield from numbered.partitionBy(strips, lambda number: number).values().toLocalIterator()
        made.unpersist()

    def sum_over_blocks(self, stage: str, task: BlockTask, split: Split) -> Any:
        parts = split_evenly(split.blocks, min(self.partitions, len(split.blocks)))
        depth = max(1, math.ceil(math.log(len(parts), FAN_IN)))
        with self._stage(stage, len(parts), split.rows) as (record, read):
            call = partial(do_with_blocks, read, self.sc.broadcast(task), self.threads)
            return self.sc.parallelize(parts, len(parts)).map(record(call)).treeReduce(add, depth)

    def peak_rss_mb(self) -> float:
        return max([peak_rss_mb(), *(task.peak_rss_mb for task in self.progress.tasks)])

    def statistics(self, folds: Folds) -> list[Statistics]:
        """Pass one; where X'X is larger than a task may hold, tile by tile.

        Each (tile, part of the blocks) is a task, each sum of a tile is made by one, and they come
        to the driver one by one: together they may be more than Spark lets a job return at once.
        Where what is seen of a block has to be made, a task takes several tiles, so that it is made
        less often.
        """
        tiles = tiles_of(self.view.d, folds.groups, self.memory)
        if len(tiles) == 1:
            return super().statistics(folds)
        together = TILES_OF_A_TASK if self.view.mapping else 1
        runs = split_evenly(range(len(tiles)), math.ceil(len(tiles) / together))
        tasks = [(run, tiles_task(self.view, folds, [tiles[i] for i in run])) for run in runs]
        parts = split_evenly(self.train.blocks, self.partitions)
        work = [(number, part) for part in parts for number in range(len(runs))]
        with self._stage("statistics", len(work), self.train.rows, len(runs)) as (record, read):
            call = partial(_sum_tiles, read, self.sc.broadcast(tasks), self.threads)
            summed = self.sc.parallelize(work, len(work)).flatMap(record(call))
            groups = summed.reduceByKey(add, folds.groups * len(tiles))
            return assemble(groups.toLocalIterator(), tiles, folds.groups, self.view)

    def packed_statistics(self, folds: Folds) -> list[PackedStatistics]:
        """Pass one where X'X is large; each task sums all of it for the images of its blocks.

        What is seen of a block, which may have to be made, is then made once.
        """
        if 2 * self.view.d**2 * folds.groups > SUMS_BYTES:
            return [PackedStatistics.of(group) for group in self.statistics(folds)]
        least = math.ceil(self.train.rows / EXACT_ROWS)
        parts = split_evenly(
            self.train.blocks, min(max(self.partitions, least), len(self.train.blocks))
        )
        task = self.sc.broadcast(self.packed_task(folds))
        with self._stage("statistics", len(parts), self.train.rows) as (record, read):
            parallel = self.sc.parallelize(parts, len(parts))
            if str(self.sc.master).startswith("local"):
                return self._added_from_files(parallel, record, read, task)
            call = partial(in_strips, read, task, self.threads)
            strips = math.ceil(self.view.d / STRIP_ROWS)
            summed = (
                parallel.flatMap(record(call))
                .partitionBy(folds.groups * strips, lambda key: key[0] * strips + max(key[1], 0))
                .mapPartitions(add_up)
            )
            return assembled(summed.toLocalIterator(), folds.groups)

    def _added_from_files(
        self, parts: RDD[Any], record: Callable[[Function], Function], read: Read, task: Any
    ) -> list[PackedStatistics]:
        with closing(Scratch()) as scratch:
            call = partial(store, read, task, self.threads, scratch.path)
            first, *others = parts.map(record(call)).collect()
            total = [stored.take() for stored in first]
            for part in others:
                add(total, [stored.take() for stored in part])
        return total

    def solve(
        self,
        fitted_on: Sequence[AnyStatistics],
        lambdas: Float,
        solver: str,
    ) -> list[Solution]:
        """A Cholesky factorisation for each λ in tasks; one for all λ on the driver's cores."""
        if solver == "cholesky":
            return super().solve(fitted_on, lambdas, solver)
        return self._driver().solve(fitted_on, lambdas, solver)

    def solve_each(
        self,
        systems: Sequence[Callable[[], CentredSystem]],
        unknowns: int,
        lambdas: Float,
        solver: str,
    ) -> list[Solution]:
        """On the driver's cores."""
        return self._driver().solve_each(systems, unknowns, lambdas, solver)

    def _driver(self) -> LocalEngine:
        return LocalEngine(self.train, None, available_cores(), self.progress)

    @contextmanager
    def _stage(
        self, name: str, tasks: int, rows: int = 0, times: int = 1
    ) -> Iterator[tuple[Callable[[Function], Function], Read]]:
        """Report how many of the rows, each of them read so many times, or of the tasks are done.

        Yields what makes a task leave a record of itself, and what a task is to read blocks with.
        """
        records = self.sc.accumulator([], Records())
        total, unit = (rows, "images") if rows else (tasks, "tasks")
        with (
            self.progress.stage(name, total, unit) as advance,
            Listener(self.sc.getConf().get("spark.driver.host", "")) as listener,
            watch(self.sc, advance, tasks, rows, lambda: listener.rows // times),
        ):
            yield (
                lambda task: partial(recorded, task, name, records),
                listener.reader(self.reader()),
            )
        self.progress.tasks += records.value


def _strips_of(result: Any) -> Any:
    return result.strips()


def _do(shared: Any, threads: int, item: Any) -> Any:
    with blas_threads(threads):
        return shared.value(item)


def do_with_blocks(read: Read, shared: Any, threads: int, blocks: Sequence[BlockDescriptor]) -> Any:
    """What a worker does for `sum_over_blocks`."""
    return shared.value(map(read, blocks), threads=threads)


def _sum_tiles(
    read: Read, tasks: Any, threads: int, work: tuple[int, Sequence[BlockDescriptor]]
) -> list[tuple[tuple[int, int], Any]]:
    number, blocks = work
    run, task = tasks.value[number]
    sums = task(map(read, blocks), threads=threads)
    return [
        ((group, tile), summed)
        for tile, groups in zip(run, sums, strict=True)
        for group, summed in enumerate(groups)
    ]
