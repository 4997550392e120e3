"""A training run, whatever the engine: two passes over the images, then the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import Split
from ridge_spark.engines.engine import Engine
from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import choose
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import choose_solver
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.options import TrainOptions


@dataclass(frozen=True)
class Training:
    """What a run found out."""

    model: Model
    statistics: Statistics
    n_validation: int
    validation_accuracy: Float  # (L,)
    gcv: Float  # (L,)
    best: int  # index of the chosen λ
    confusion: NDArray[np.int64]  # (k, k); of no images where there is no test split
    solver: str
    warnings: tuple[str, ...]


def train(engine: Engine, options: TrainOptions) -> Training:
    """Choose λ on held-out images, then fit on all of them; under MPI, a collective call."""
    split, folds, lambdas = engine.train, options.folds, np.array(options.lambdas)
    groups = engine.statistics(folds)
    total = sum(groups[1:], groups[0])
    _require_images(total, groups[: folds.held_out], split)

    solver = options.solver
    if solver == "auto":
        solver = choose_solver(total.n, total.d, len(lambdas), folds.held_out + 1, engine.workers)
    fitted_on = [*(total - held_out for held_out in groups[: folds.held_out]), total]
    *fitted, full = engine.solve(fitted_on, lambdas, solver)

    candidates = {group: Weights(*solution.weights()) for group, solution in enumerate(fitted)}
    correct = engine.score(folds, candidates).sum(axis=0)
    n_validation = sum(held_out.n for held_out in groups[: folds.held_out])
    best = choose(correct, lambdas)
    coef, intercept = full.weights_at(best)
    description = split.description
    model = Model(
        coef=coef,
        intercept=intercept,
        class_names=description.class_names,
        shape=description.shape,
        lam=float(lambdas[best]),
        preparation=description.preparation,
    )
    return Training(
        model=model,
        statistics=total,
        n_validation=n_validation,
        validation_accuracy=correct / n_validation,
        gcv=full.gcv,
        best=best,
        confusion=engine.confusion(model),
        solver=solver,
        warnings=singular_warnings(lambdas, full),
    )


def _require_images(total: Statistics, held_out: Sequence[Statistics], split: Split) -> None:
    names = split.description.class_names
    if len(names) < 2:
        raise InputError(f"{split.uri}: has one class only; a classifier needs at least two")
    empty = np.flatnonzero(total.counts == 0)
    if len(empty):
        raise InputError(
            f"{split.uri}: class '{names[empty[0]]}' is empty among the {total.n:,} training "
            "images used; add images of it, remove the class, or raise --limit"
        )
    if any(group.n == 0 or group.n == total.n for group in held_out):
        raise InputError(
            f"{split.uri}: {total.n:,} training images are too few to hold some out; "
            "use fewer --folds or another --validation"
        )


def singular_warnings(lambdas: Float, full: Solution) -> tuple[str, ...]:
    if not full.singular.any():
        return ()
    largest = lambdas[full.singular].max()
    rank = "" if full.rank is None else f" (rank {full.rank})"
    return (
        f"X'X + NλI is singular to working precision{rank} for λ up to {largest:g}: "
        "the weights of least norm were taken there",
    )
