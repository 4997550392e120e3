"""What both Spark engines share: the context, tasks over blocks, and merging by a tree."""

from __future__ import annotations

import math
import operator
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from py4j.protocol import Py4JJavaError
from pyspark import RDD, AccumulatorParam, SparkConf, SparkContext

from ridge_spark.data.dataset import BlockDescriptor, Split
from ridge_spark.engines.java import use_java
from ridge_spark.engines.local import peak_rss_mb
from ridge_spark.engines.progress import Progress, Task
from ridge_spark.engines.shares import split_evenly
from ridge_spark.engines.training import solve_here
from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.model import Model
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import Block, confusion_of, group_correct, group_sums
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import solve
from ridge_spark.ridge.statistics import Statistics

T = TypeVar("T")
Read = Callable[[BlockDescriptor], Block]
Function = Callable[[Any], Any]

FAN_IN = 8  # statistics that one task, or the driver, merges
TASK_BYTES = 2 * 2**30  # of pixels; beyond, a run has more tasks than cores
TILE_BYTES = 512 * 2**20  # of statistics that one task may hold
POLL_SECONDS = 0.5


@contextmanager
def spark_context(name: str) -> Iterator[SparkContext]:
    """The Spark context of this process; an `InputError` in a task comes out as one here."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not started by spark-submit: Java is up to us
        use_java()
    SparkContext._ensure_initialized()  # or SparkConf would not know what spark-submit was told
    conf = SparkConf().setAppName(name).setIfMissing("spark.master", "local[*]")
    conf.setIfMissing("spark.ui.showConsoleProgress", "false")
    if conf.get("spark.master", "").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        # What goes wrong is in the exception that is raised here; the JVM need not tell it as well.
        conf.setIfMissing("spark.log.level", "OFF")
    sc = SparkContext.getOrCreate(conf)
    try:
        yield sc
    except Py4JJavaError as error:
        told = re.search(r"InputError: (.*)", str(error))
        if told:
            raise InputError(told.group(1)) from error
        raise
    finally:
        sc.stop()


class SparkEngine:
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

    def reader(self) -> Read:
        """The function by which a task reads a block."""
        raise NotImplementedError

    def statistics(self, folds: Folds) -> list[Statistics]:
        about = self.train.description
        d, classes = about.d, len(about.class_names)
        tiles = _tiles(d, folds.groups)
        task = partial(_tile_sums, self.reader(), tiles, folds, d, classes, self.threads)
        work = [
            (number, part)
            for part in split_evenly(self.train.blocks, self.partitions)
            for number in range(len(tiles))
        ]
        with self._stage("statistics", len(work)) as recorded:
            parts = self.sc.parallelize(work, len(work)).flatMap(recorded(task))
            merged = (
                merge_by_tree(parts, len(work))
                if len(tiles) == 1
                else merge_by_key(parts, folds.groups * len(tiles))
            )
        return [_assemble(merged, group, tiles, d) for group in range(folds.groups)]

    def solve(
        self, systems: Sequence[CentredSystem], lambdas: Float, solver: str
    ) -> list[Solution]:
        """Eigendecompositions on the driver; Cholesky factorisations in tasks of their own."""
        if solver == "eigen" or self.workers == 1:
            return solve_here(systems, lambdas, solver, self.threads)
        shared = [self.sc.broadcast(system) for system in systems]
        work = [(i, lam) for i in range(len(systems)) for lam in lambdas]

        def task(item: tuple[int, float]) -> Solution:
            i, lam = item
            return solve(shared[i].value, np.array([lam]), solver, threads=threads)

        threads = self.threads
        with self._stage("factorise", len(work)) as recorded:
            each = self.sc.parallelize(work, len(work)).map(recorded(task)).collect()
        L = len(lambdas)
        return [Solution.join(each[i * L : (i + 1) * L]) for i in range(len(systems))]

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
        with self._stage(stage, len(parts)) as recorded:
            return self.sc.parallelize(parts, len(parts)).map(recorded(task)).reduce(operator.add)

    @contextmanager
    def _stage(self, name: str, tasks: int) -> Iterator[Callable[[Function], Function]]:
        """Report how many tasks are done; yields what makes a task leave a record of itself."""
        records = self.sc.accumulator([], _Records())
        with self.progress.stage(name, tasks, "tasks") as advance, _watch(self.sc, advance):
            yield lambda task: partial(_recorded, task, name, records)
        self.progress.tasks += records.value


def merge_by_tree(rdd: RDD[tuple[Any, T]], partitions: int) -> dict[Any, T]:
    """Add up the values of equal keys, a few at a time, so that no task and no driver gets many."""
    while partitions > FAN_IN:
        partitions = math.ceil(partitions / FAN_IN)
        rdd = (
            rdd.mapPartitionsWithIndex(partial(_key_by_target, partitions))
            .reduceByKey(operator.iadd, partitions, _target)
            .map(_drop_target)
        )
    merged: dict[Any, T] = {}
    for key, value in rdd.collect():
        merged[key] = operator.iadd(merged[key], value) if key in merged else value
    return merged


def merge_by_key(rdd: RDD[tuple[Any, T]], keys: int) -> dict[Any, T]:
    """Add up the values of equal keys, each in a task of its own, and fetch them one by one.

    For tiles: together they may be more than Spark lets a job return at once.
    """
    return dict(rdd.reduceByKey(operator.iadd, keys).toLocalIterator())


def _key_by_target(partitions: int, index: int, items: Iterable[Any]) -> Iterator[Any]:
    return (((index % partitions, key), value) for key, value in items)


def _target(key: tuple[int, Any]) -> int:
    return key[0]


def _drop_target(item: tuple[tuple[int, Any], T]) -> tuple[Any, T]:
    (_, key), value = item
    return key, value


Tiles = list[tuple[slice, slice]]


def _tiles(d: int, groups: int) -> Tiles:
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


def _recorded(task: Function, stage: str, records: Any, item: Any) -> Any:
    """Do `task` and note who did it, from when to when."""
    start = time.time()
    done = task(item)
    worker = f"{socket.gethostname()}/{os.getpid()}"
    records.add([Task(stage, worker, start, time.time(), peak_rss_mb())])
    return done


class _Records(AccumulatorParam[list[Task]]):
    """An accumulator that keeps every record it is given."""

    def zero(self, value: list[Task]) -> list[Task]:
        return []

    def addInPlace(self, value1: list[Task], value2: list[Task]) -> list[Task]:  # noqa: N802 - Spark's name
        return value1 + value2


@contextmanager
def _watch(sc: SparkContext, advance: Callable[[int], None]) -> Iterator[None]:
    """Tell `advance` of finished tasks of the first stage of the jobs that run inside."""
    done = threading.Event()

    def poll() -> None:
        tracker, reported = sc.statusTracker(), 0
        while not done.wait(POLL_SECONDS):
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            finished = sum(stage.numCompletedTasks for stage in stages if stage)
            if finished > reported:
                advance(finished - reported)
                reported = finished

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
