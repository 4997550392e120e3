"""The local engine: one process streams the blocks from disk and works on them with threads."""

from __future__ import annotations

import resource
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import BlockDescriptor, Split, read_block
from ridge_spark.engines.engine import solve_here
from ridge_spark.model import Model
from ridge_spark.progress import Advance, Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import confusion_of, group_correct, group_statistics
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.statistics import Statistics

READ_AHEAD = 3  # blocks; a few megabytes each


class LocalEngine:
    """Visits the blocks in order; the next ones are read while one is worked on."""

    name = "local"
    workers = 1

    def __init__(self, train: Split, test: Split | None, threads: int, progress: Progress) -> None:
        self.train, self.test = train, test
        self.threads, self.progress = threads, progress

    def statistics(self, folds: Folds) -> list[Statistics]:
        about = self.train.description
        with self.progress.stage("statistics", self.train.rows) as advance:
            return group_statistics(
                read_ahead(self.train.blocks, advance),
                folds,
                about.d,
                len(about.class_names),
                threads=self.threads,
            )

    def solve(self, fitted_on: Sequence[Statistics], lambdas: Float, solver: str) -> list[Solution]:
        return solve_here(fitted_on, lambdas, solver, self.threads)

    def score(self, folds: Folds, candidates: Mapping[int, Weights]) -> NDArray[np.int64]:
        with self.progress.stage("score", self.train.rows) as advance:
            blocks = read_ahead(self.train.blocks, advance)
            return group_correct(blocks, folds, candidates, threads=self.threads)

    def confusion(self, model: Model) -> NDArray[np.int64]:
        test = self.test.blocks if self.test else ()
        with self.progress.stage("test", sum(block.rows for block in test)) as advance:
            blocks = read_ahead(test, advance)
            return confusion_of(blocks, model.coef, model.intercept, threads=self.threads)

    def peak_rss_mb(self) -> float:
        return peak_rss_mb()


def peak_rss_mb() -> float:
    """Most memory this process has held at once, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def read_ahead(blocks: Iterable[BlockDescriptor], advance: Advance) -> Iterator[Block]:
    """The blocks in order, read by another thread a few ahead of their use, the first ones now."""
    left = iter(blocks)
    pool = ThreadPoolExecutor(1)
    ahead = deque(pool.submit(read_block, descriptor) for descriptor in islice(left, READ_AHEAD))

    def in_order() -> Iterator[Block]:
        with pool:
            while ahead:
                block = ahead.popleft().result()
                ahead.extend(pool.submit(read_block, descriptor) for descriptor in islice(left, 1))
                advance(len(block.labels))
                yield block

    return in_order()
