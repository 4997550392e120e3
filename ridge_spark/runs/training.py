"""A training run, whatever the engine: two passes over the images, then the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.engines.engine import Engine
from ridge_spark.model import Model
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.products import DualStatistics
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.result import Features
from ridge_spark.runs.searched import Fit
from ridge_spark.runs.seen import find_maps, see
from ridge_spark.runs.sides import SIDES, side_of

MATRIX = {"primal": "X'X", "dual": "XX'"}


@dataclass(frozen=True)
class Training:
    """What a run found out."""

    model: Model
    statistics: Statistics | DualStatistics
    n_validation: int
    lambdas: tuple[float, ...]
    validation_accuracy: Float  # (L,)
    gcv: Float  # (L,)
    best: int  # index of the chosen λ
    confusion: NDArray[np.int64]  # (k, k); of no images where there is no test split
    side: str
    solver: str
    warnings: tuple[str, ...]
    searched: tuple[Features, ...]


def train(engine: Engine, options: TrainOptions) -> Training:
    """Choose features and λ on held-out images, then fit on all; under MPI, a collective call.

    Of specs that are equally good, the first is taken.
    """
    found, summaries = None, []
    for feature_map in find_maps(engine, options):
        see(engine, feature_map)
        searched = SIDES[side_of(engine, feature_map, options)].search(engine, feature_map, options)
        summaries.append(searched.summary())
        if found is None or searched.correct[searched.best] > found.correct[found.best]:
            found = searched
        del searched  # its X'X may be large
    assert found is not None  # there is at least one spec
    see(engine, found.feature_map)
    fit: Fit = SIDES[found.side].fit(engine, found)
    description = engine.train.description
    model = Model(
        coef=fit.coef,
        intercept=fit.intercept,
        class_names=description.class_names,
        shape=description.shape,
        lam=float(found.lambdas[found.best]),
        preparation=description.preparation,
        features=None if found.feature_map.spec.is_pixels else found.feature_map,
    )
    return Training(
        model=model,
        statistics=fit.statistics,
        n_validation=found.n_validation,
        lambdas=tuple(found.lambdas.tolist()),
        validation_accuracy=found.correct / found.n_validation,
        gcv=fit.solution.gcv,
        best=found.best,
        confusion=engine.confusion(model),
        side=found.side,
        solver=found.solver,
        warnings=(
            *singular_warnings(found.lambdas, fit.solution, MATRIX[found.side]),
            *unconverged_warnings(found.lambdas, found.fitted),
        ),
        searched=tuple(summaries),
    )


def singular_warnings(
    lambdas: Float, full: Solution, matrix: str = MATRIX["primal"]
) -> tuple[str, ...]:
    if not full.singular.any():
        return ()
    largest = lambdas[full.singular].max()
    rank = "" if full.rank is None else f" (rank {full.rank})"
    return (
        f"{matrix} + NλI is singular to working precision{rank} for λ up to {largest:g}: "
        "the weights of least norm were taken there",
    )


def unconverged_warnings(lambdas: Float, fitted: Sequence[Solution]) -> tuple[str, ...]:
    """One line that names each λ whose weights an iteration has not come near enough to."""
    left = {
        float(lam): float(residual)
        for solution in fitted
        if solution.residual is not None
        for lam, residual, converged in zip(
            lambdas, solution.residual, solution.is_converged(), strict=True
        )
        if not converged
    }
    if not left:
        return ()
    told = ", ".join(f"{lam:g} (residual {residual:.0e})" for lam, residual in left.items())
    return (f"the iteration has not converged for λ = {told}: not chosen from",)
