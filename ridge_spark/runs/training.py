"""A training run, whatever the engine: two passes over the images, then the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.engines.engine import Engine
from ridge_spark.model import Model
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.products import DualStatistics
from ridge_spark.ridge.scoring import scores
from ridge_spark.ridge.selection import Tested
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.class_weights import images_of
from ridge_spark.runs.guidance import (
    baseline_warnings,
    by_heart_warnings,
    choice_warnings,
    class_warnings,
    distance_warnings,
)
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.plan import MATRIX, Plan, make_plans
from ridge_spark.runs.result import Features, HeldOut
from ridge_spark.runs.searched import Fit, Searched
from ridge_spark.runs.seen import find_maps, find_weights, see
from ridge_spark.runs.sides import SIDES

SEEN_AGAIN = 1024  # images that were held out and are classified again by the model of all


@dataclass(frozen=True)
class Training:
    """What a run found out."""

    model: Model
    statistics: Statistics | DualStatistics
    n_validation: int
    lambdas: tuple[float, ...]
    validation_accuracy: Float  # (L,)
    gcv: Float  # (L,)
    residual: tuple[float | None, ...]  # of L, the largest of all folds
    best: int  # index of the chosen λ
    tested: Tested  # on no images where there is no test split
    side: str
    plan: Plan
    solver: str
    warnings: tuple[str, ...]
    searched: tuple[Features, ...]
    held_out: HeldOut
    class_weight: tuple[int, ...] | None  # of each class; None where all are 1


def train(engine: Engine, options: TrainOptions, plans: Sequence[Plan] | None = None) -> Training:
    """Choose features and λ on held-out images, then fit on all; under MPI, a collective call.

    By the plan of each spec, made now where it is not given. Of specs that are equally good, the
    first is taken.
    """
    plans = plans or make_plans(engine.train, options, engine.resources, engine.exact)
    found, summaries, plan = None, [], plans[0]
    weights = find_weights(engine, options)
    for feature_map, its_plan in zip(find_maps(engine, options), plans, strict=True):
        see(engine, feature_map, weights)
        searched = SIDES[its_plan.side].search(engine, feature_map, options)
        summaries.append(searched.summary())
        if found is None or searched.score[searched.best] > found.score[found.best]:
            found, plan = searched, its_plan
        del searched  # its X'X may be large
    assert found is not None  # there is at least one spec
    see(engine, found.feature_map, weights)
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
        temperature=engine.once(found.temperature),
        **middle_of(fit.statistics.counts, fit.statistics.sums, found.solved.trace),
    )
    tested = engine.judge(model)
    engine.once(lambda: _require_unchanged(engine))
    return Training(
        model=model,
        statistics=fit.statistics,
        n_validation=found.n_validation,
        lambdas=tuple(found.lambdas.tolist()),
        validation_accuracy=found.correct / found.n_validation,
        gcv=fit.solution.gcv,
        residual=largest_residual(found.fitted, len(found.lambdas)),
        best=found.best,
        tested=tested,
        side=found.side,
        plan=plan,
        solver=found.solver,
        warnings=(
            *singular_warnings(found.lambdas, fit.solution, MATRIX[found.side]),
            *unconverged_warnings(found.lambdas, found.fitted),
            *class_warnings(images_of(fit.statistics.counts, weights), model.class_names),
            *choice_warnings(
                found.score, found.error, found.lambdas, found.n_validation, found.converged
            ),
            *baseline_warnings(found.scored, found.best, model.class_names),
            *engine.once(lambda: _by_heart(found, model)),
            *distance_warnings(model, tested.sums, tested.n),
        ),
        searched=tuple(summaries),
        held_out=found.held_out(),
        class_weight=weights,
    )


def _require_unchanged(engine: Engine) -> None:
    """`InputError` if images have been replaced between the passes, or within one."""
    for split in filter(None, (engine.train, engine.test)):
        split.require_unchanged()


def _by_heart(found: Searched, model: Model) -> tuple[str, ...]:
    """Warn of a model that knows its own images by heart; of images that are at hand alone."""
    images = found.scored.images.image[:SEEN_AGAIN]
    if not len(images):
        return ()
    held_out, labels = found.best_scores
    seen = scores(images, model.coef, model.intercept)
    return by_heart_warnings(seen, held_out[: len(images)], labels[: len(images)])


def middle_of(counts: NDArray[np.int64], sums: NDArray[np.int64], trace: int) -> dict[str, Any]:
    """The `mean` and `spread` of a `Model` from class sums (k, d) and the sum of all squares."""
    n = int(counts.sum())
    mean = sums.sum(axis=0) / n
    return {"mean": mean, "spread": trace / n - float(mean @ mean)}


def singular_warnings(
    lambdas: Float, full: Solution, matrix: str = MATRIX["primal"]
) -> tuple[str, ...]:
    if not full.singular.any():
        return ()
    largest = lambdas[full.singular].max()
    rank = "" if full.rank is None else f" (rank {full.rank})"
    return (
        f"{matrix} + NλI is singular to working precision{rank} for λ up to {largest:g}: "
        "the weights of least norm were taken there; larger λ need none",
    )


def largest_residual(fitted: Sequence[Solution], lambdas: int) -> tuple[float | None, ...]:
    """Of each λ, over all fits that were iterated; None where none was."""
    known = [each.residual for each in fitted if each.residual is not None]
    largest = np.fmax.reduce([np.full(lambdas, np.nan), *known])
    return tuple(value if np.isfinite(value) else None for value in largest.tolist())


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
    return (
        f"the iteration has not converged for λ = {told}: not chosen from; larger λ converge "
        "sooner, and --side primal or dual needs no iteration",
    )
