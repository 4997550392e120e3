"""Averaged models: each rank solves on its own images, and the weights are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mpi4py import MPI

from mpi_hybrid.checkpoint import Part, Progressed
from mpi_hybrid.data import DataEngine
from mpi_hybrid.rows import Rows
from mpi_hybrid.world import World
from ridge_spark.data.dataset import Split
from ridge_spark.engines.partition import split_evenly
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.packed import AnyStatistics
from ridge_spark.ridge.solution import Solution, StoredPath
from ridge_spark.ridge.statistics import Statistics


class AverageEngine(DataEngine):
    """An approximation: with W_r(λ) the weights of rank r's own images,  W(λ) = mean of W_r(λ).

    Whatever else a run needs is exact, and so are the statistics that it returns: an exact run can
    begin with them (`groups`) and tell what the averaging cost.
    """

    combine = "average"
    exact = False

    def __init__(self, world: World, train: Split, *others: Any) -> None:
        super().__init__(world, train, *others)
        self.shard = split_evenly(train.blocks, world.size)[world.rank]
        self.local: list[Statistics] = []  # of each group, of this rank's images

    def my_part(self, rows: Rows) -> Rows:
        """Those of `rows` that are in this rank's shard, whatever the others have left."""
        return self.rows_of(self.shard, rows)

    def take(self, parts: Sequence[Part]) -> Sequence[Part]:
        return [part for part in parts if part.rank == self.world.rank]

    def reduced(self, mine: list[Statistics]) -> list[Statistics]:
        self.local = mine
        return super().reduced(
            [Statistics(g.counts.copy(), g.sums.copy(), g.gram.copy()) for g in mine]
        )

    def save(self) -> None:
        if not self.groups:
            return
        self.checkpoint.write(Progressed(self.local, self.my_part([(0, self.train.rows)])))

    def exactly(self) -> DataEngine:
        """The exact engine, with pass one behind it already."""
        engine = DataEngine(
            self.world, self.train, self.test, self.threads, self.checkpoint, self.stop,
            self.progress,
        )  # fmt: skip
        engine.groups, engine.view, engine.key = self.groups, self.view, self.key
        return engine

    def solve(
        self, fitted_on: Sequence[AnyStatistics], lambdas: Float, solver: str
    ) -> list[Solution]:
        """The mean of the ranks' weights, each fitted to its own part of the images of a system."""
        self.end_if_asked()
        total = sum(self.local[1:], self.local[0])
        parts = [*(total - group for group in self.local[: len(fitted_on) - 1]), total]
        with self.progress.stage("solve"):
            with self.working("factorise"):
                mine = iter(self.alone().solve([part for part in parts if part.n], lambdas, solver))
            return [self._average(next(mine) if part.n else None, lambdas) for part in parts]

    def _average(self, mine: Solution | None, lambdas: Float) -> Solution:
        """Of what each rank has found; a rank without images has found nothing."""
        L, d, k = len(lambdas), self.view.d, self.view.classes
        coef, intercept = mine.weights() if mine else (np.zeros((L, k, d)), np.zeros((L, k)))
        singular = mine.singular if mine else np.zeros(L, np.bool_)
        ranks = self.world.comm.allreduce(int(mine is not None))
        self.world.add_up(coef)
        self.world.add_up(intercept)
        self.world.comm.Allreduce(MPI.IN_PLACE, singular, MPI.LOR)
        return Solution(
            gcv=np.full(L, np.inf),  # of an average there is none
            singular=singular,
            path=StoredPath(coef / ranks, intercept / ranks),
        )
