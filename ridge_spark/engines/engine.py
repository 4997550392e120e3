"""What an engine is: hands for tasks and for blocks, and on top of them the passes of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from ridge_spark.data.dataset import BlockDescriptor, Split, read_block
from ridge_spark.engines.pairs import PairTask, assemble_products, pairs_of, parts_for
from ridge_spark.engines.resources import Resources
from ridge_spark.engines.view import BlockTask, View
from ridge_spark.model import Model
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import CentredSystem, Float, centre
from ridge_spark.ridge.dual_weights import (
    IntegerAlpha,
    WeightsOfPixels,
    finish_weights,
    weights_task,
)
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Sampling, Scored
from ridge_spark.ridge.packed import AnyStatistics, PackedStatistics
from ridge_spark.ridge.products import ImageProducts
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import (
    Tested,
    group_packed,
    group_statistics,
    judge_on,
    score_held_out,
)
from ridge_spark.ridge.solution import Solution, store_weights
from ridge_spark.ridge.solvers import factorise, solve_systems, threads_for
from ridge_spark.ridge.statistics import Statistics

Item = TypeVar("Item")
Result = TypeVar("Result")
Strips = TypeVar("Strips", bound="InStrips")


class InStrips(Protocol):
    """A result that can be divided."""

    def strips(self) -> Sequence[Self]: ...


class Engine(ABC):
    """Lends two primitives, `map` and `sum_over_blocks`; all that a run does is written with them.

    A subclass overrides a pass only where it has a way of its own. It is a context manager: what it
    has set up for the run is gone when the `with` block is left, also by an error.

    name         as users choose it        runtime    "local", "spark" or "mpi"
    whole_x      True where every worker holds all images, not just its blocks
    workers      that work side by side    threads    of each worker
    resources    the processes of the run and their memory
    memory       bytes of sums or images that a task may hold
    exact        False where solutions are approximations: averages over workers
    view         what tasks see of the images
    """

    name: str
    runtime: str
    whole_x = False
    exact = True

    def __init__(
        self, train: Split, test: Split | None, resources: Resources, progress: Progress
    ) -> None:
        self.train, self.test, self.progress = train, test, progress
        self.resources, self.memory = resources, resources.budget
        self.workers, self.threads = resources.workers, resources.threads
        self.view = View.of(train)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - most engines have nothing to give back
        """Give back what the engine holds outside this process's memory."""

    def see(self, view: View, key: str = "") -> None:
        """From now on, let tasks see `view` of the images; `key` tells it from others of a run."""
        self.view = view

    def once(self, function: Callable[[], Result]) -> Result:
        """Return function(), called where the run is led from; under MPI, a collective call."""
        return function()

    @abstractmethod
    def map(
        self,
        stage: str,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        threads: int | None = None,
    ) -> list[Result]:
        """Return task(item) of each item, in order, from anywhere; both are picklable.

        Every task has `threads` threads to itself, those of a worker by default, and BLAS has as
        many.
        """

    def map_to_large(
        self, stage: str, task: Callable[[Item], Strips], items: Sequence[Item], nbytes: int
    ) -> Iterable[Strips]:
        """The same in any order, where results, `nbytes` of them all, may come in `strips()`."""
        return self.map(stage, task, items)

    @abstractmethod
    def sum_over_blocks(self, stage: str, task: BlockTask, split: Split) -> Any:
        """Return the sum of what `task`, picklable, returns for parts of the blocks of `split`."""

    def reader(self) -> Callable[[BlockDescriptor], Block]:
        """The function by which a task of `map` reads a block of training images."""
        return read_block

    @abstractmethod
    def peak_rss_mb(self) -> float:
        """Most memory any Python process of the run has used so far, in MiB."""

    def statistics(self, folds: Folds) -> list[Statistics]:
        """Pass one over the training images: the statistics of each group."""
        return self.sum_over_blocks("statistics", self.statistics_task(folds), self.train)

    def statistics_task(self, folds: Folds) -> BlockTask:
        d, classes = self.view.d, self.view.classes
        return self.view.through(partial(group_statistics, folds=folds, d=d, classes=classes))

    def packed_statistics(self, folds: Folds) -> list[PackedStatistics]:
        """Pass one where X'X is large: the same numbers in less memory."""
        return self.sum_over_blocks("statistics", self.packed_task(folds), self.train)

    def packed_task(self, folds: Folds) -> BlockTask:
        d, classes = self.view.d, self.view.classes
        return self.view.through(partial(group_packed, folds=folds, d=d, classes=classes))

    def solve(
        self,
        fitted_on: Sequence[AnyStatistics],
        lambdas: Float,
        solver: str,
    ) -> list[Solution]:
        """Solve the centred system of each, the last of them of all images, for every λ.

        Systems side by side rather than threads in a system: a factorisation gains little from more
        threads, and on one it has the same bits whatever the number of cores. Large ones have all
        threads of a worker, since each takes a few times the memory of its Gram matrix. Cholesky
        factorises once for each λ: with several workers, each factorisation is a task of its own.

        Of all images, only the weights for the λ to be chosen will be wanted: unless they have to
        travel, they are left to be formed then.
        """
        if not fitted_on:
            return []
        travels = self.workers > 1
        runs = np.split(lambdas, len(lambdas)) if travels and solver == "cholesky" else [lambdas]
        work = [(i, run) for i in range(len(fitted_on)) for run in runs]
        threads = threads_for(fitted_on[-1].d, self.threads)
        task = partial(_solve, fitted_on, solver, travels, threads)
        with self.progress.stage("solve"):
            solved = self.map("factorise", task, work, threads)
            if not travels:
                return [*store_weights(solved[:-1], self.threads), solved[-1]]
        if len(runs) == 1:
            return solved
        L = len(runs)
        return [Solution.join(solved[i * L : (i + 1) * L]) for i in range(len(fitted_on))]

    def products(self) -> ImageProducts:
        """Pass one of the dual side: XX' of what is seen of the training images."""
        blocks, view = self.train.blocks, self.view
        parts = parts_for(self.train.rows, view.d, self.workers, self.memory)
        pairs = pairs_of(blocks, parts)
        task = PairTask(self.reader(), view, self.threads)
        with self.progress.stage("products", self.train.rows):
            found = self.map_to_large("pairs", task, pairs, 8 * self.train.rows**2)
            return assemble_products(found, self.train.rows, view)

    def solve_each(
        self,
        systems: Sequence[Callable[[], CentredSystem]],
        unknowns: int,
        lambdas: Float,
        solver: str,
    ) -> list[Solution]:
        """Solve systems that functions make, the last of all images, as `solve_systems` does."""
        with self.progress.stage("solve"):
            return solve_systems(systems, unknowns, lambdas, solver, self.threads)

    def weights(self, alpha: Float, target_mean: Float) -> WeightsOfPixels:
        """The last pass of the dual side: W = Xc'α of `alpha` (k, n), with the class sums."""
        integers, view = IntegerAlpha.of(alpha), self.view
        task = view.through(weights_task(integers, view.classes, view.d))
        return finish_weights(
            integers, self.sum_over_blocks("weights", task, self.train), target_mean
        )

    def score(self, folds: Folds, candidates: Mapping[int, Weights]) -> Scored:
        """Pass two: what the candidates of each held-out group, L of each, are right about."""
        found: Scored = self.sum_over_blocks(
            "score",
            self.score_task(folds, candidates, self.sampling(folds, candidates)),
            self.train,
        )
        return found.in_order()

    def sampling(self, folds: Folds, candidates: Mapping[int, Weights]) -> Sampling:
        """Which held-out images are kept to judge the choice by; the same for every engine."""
        return Sampling.of(folds, self.train.rows, len(candidates[0].coef), self.view.d)

    def score_task(
        self, folds: Folds, candidates: Mapping[int, Weights], sampling: Sampling
    ) -> BlockTask:
        """Score the candidates, of some groups or of all."""
        return partial(
            score_held_out,
            folds=folds,
            candidates=candidates,
            sampling=sampling,
            seen=self.view.mapping,
        )

    def judge(self, model: Model) -> Tested:
        """What the model makes of the test images; of none, where there is no test split."""
        if self.test is None:
            return Tested.zeros(*model.coef.shape)
        task = partial(
            judge_on,
            coef=model.coef,
            intercept=model.intercept,
            temperature=model.temperature,
        )
        found: Tested = self.sum_over_blocks("test", self.view.through(task), self.test)
        return found


def _solve(
    fitted_on: Sequence[AnyStatistics],
    solver: str,
    travels: bool,
    threads: int,
    item: tuple[int, Float],
) -> Solution:
    i, lambdas = item
    solution = factorise(centre(fitted_on[i], threads=threads), solver).solve(lambdas)
    return solution.stored() if travels else solution


def add(mine: Any, more: Any) -> Any:
    """Add up two results of a `BlockTask`; `mine` is changed and returned."""
    if isinstance(mine, list):
        return [add(*pair) for pair in zip(mine, more, strict=True)]
    mine += more
    return mine
