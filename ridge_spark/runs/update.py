"""A model brought up to date: images added and withdrawn by their statistics, and solved again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Split, require_splits
from ridge_spark.data.same_images import require_same_images
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.view import Blocks, View
from ridge_spark.errors import InputError
from ridge_spark.importing.sources import number_labels
from ridge_spark.model import Model
from ridge_spark.printable import without_secrets
from ridge_spark.progress import Progress
from ridge_spark.ridge.downdate import downdate
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.class_weights import Weighted, images_of, weight_warnings
from ridge_spark.runs.directory import read_run, read_statistics, require_free
from ridge_spark.runs.finish import Draw, finish, found, ran_on, times
from ridge_spark.runs.guidance import class_warnings, distance_warnings
from ridge_spark.runs.result import BY_GCV, KEPT, Change, Result, Update
from ridge_spark.runs.seen import see
from ridge_spark.runs.training import largest_residual, middle_of, singular_warnings


@dataclass(frozen=True)
class UpdateOptions:
    """Which run, what to add to it and to withdraw from it, and where the new run goes."""

    run: str
    out: str
    add: tuple[str, ...]
    remove: tuple[str, ...]
    test: str | None = None
    by_gcv: bool = False
    threads: int | None = None
    command: str = ""


def update(options: UpdateOptions, draw: Draw | None) -> Result:
    """Write a run directory with the model of the run's images, plus `add`, minus `remove`.

    The statistics are those of training on these images from scratch, bit for bit, and no image of
    the old run is needed. No image is held out, so λ stays the one that was chosen on held-out
    images when the run was trained; with `by_gcv` it is chosen again, by the least generalised
    cross-validation over the run's grid, which the statistics suffice for.
    """
    progress = Progress()
    require_free(options.out)
    run = read_run(options.run)
    statistics = read_statistics(options.run, run.result)
    old, model = run.result, run.model
    test = _test_split(options.test, model)
    splits = {uri: _training_split(uri, model) for uri in (*options.add, *options.remove)}
    threads = options.threads or available_cores()
    engine = LocalEngine(next(iter(splits.values())), test, threads, progress)
    if model.features:
        see(engine, model.features)
    weights = tuple(old.class_weight[name] for name in old.classes) if old.class_weight else None

    before, changes, warnings = _origin(old), list[Change](), list[str]()
    for change, uris in (("added", options.add), ("removed", options.remove)):
        for uri in uris:
            part = _statistics(splits[uri], model, weights, threads, progress)
            statistics = statistics + part if change == "added" else _without(statistics, part, uri)
            made = Change(splits[uri].rows, part.sha256(), **{change: without_secrets(uri)})
            warnings += _repeated_warnings((*before, *changes), made)
            changes.append(made)
    _require_all_classes(statistics, model)

    lambdas = np.array(old.lambdas)
    direct = "tridiagonal" if old.solver == "krylov" else old.solver  # which knows GCV
    solver = direct if options.by_gcv else old.solver
    (solution,) = engine.solve([statistics], lambdas, solver)
    best = int(np.argmin(solution.gcv)) if options.by_gcv else old.best
    coef, intercept = solution.weights_at(best)
    middle = middle_of(statistics.counts, statistics.sums, statistics.trace)
    model = replace(model, coef=coef, intercept=intercept, lam=old.lambdas[best], **middle)
    tested = engine.judge(model)
    if test:
        test.require_unchanged()
    result = Result(
        **found(model, statistics, solution.gcv, tested, weights),
        **ran_on(engine),
        **times(progress),
        dataset=old.dataset,
        n_validation=0,
        lambdas=old.lambdas,
        validation_accuracy=(None,) * len(lambdas),
        residual=largest_residual([solution], len(lambdas)),
        solver=solver,
        seed=old.seed,
        folds=0,
        command=without_secrets(options.command),
        warnings=(
            *warnings,
            *singular_warnings(lambdas, solution),
            *class_warnings(images_of(statistics.counts, weights), model.class_names),
            *distance_warnings(model, tested.sums, tested.n),
            *weight_warnings(statistics.counts, weights, model.class_names),
        ),
        update=Update(
            run=without_secrets(options.run),
            statistics_sha256=old.statistics_sha256,
            changes=tuple(changes),
            lambda_=BY_GCV if options.by_gcv else KEPT,
            before=before,
        ),
    )
    return finish(options.out, result, model, statistics, draw, progress)


def _origin(result: Result) -> tuple[Change, ...]:
    """Where the images of a run came from."""
    if result.update:
        return (*result.update.before, *result.update.changes)
    return (Change(result.n_train, result.statistics_sha256, added=result.dataset),)


def _repeated_warnings(before: Sequence[Change], made: Change) -> tuple[str, ...]:
    """A warning where the very images that are added are in the model already."""
    same = [change for change in before if change.statistics_sha256 == made.statistics_sha256]
    left = sum(1 if change.added else -1 for change in same)
    if made.removed or left < 1:
        return ()
    earlier = next(change.added for change in reversed(same) if change.added)
    return (
        f"the images of {made.added} are in the model already, from {earlier}: each of them now "
        f"counts {left + 1} times; if that is not meant, --remove them",
    )


def _training_split(uri: str, model: Model) -> Split:
    """The training images at `uri`, which must be images as the model's are."""
    split = require_splits(uri, uri, ", --like the run")[0]
    require_same_images(uri, split.description, model)
    number_labels(split.description.class_names, model.class_names, uri)
    return split


def _test_split(uri: str | None, model: Model) -> Split | None:
    if uri is None:
        return None
    split = require_splits(uri, f"--test {uri}")[-1]
    require_same_images(f"--test {uri}", split.description, model)
    if split.description.class_names != model.class_names:
        raise InputError(
            f"--test {uri}: its classes are not those of the model; import it again with --like"
        )
    return split


def _statistics(
    split: Split,
    model: Model,
    weights: tuple[int, ...] | None,
    threads: int,
    progress: Progress,
) -> Statistics:
    """Statistics of a split, its classes in the model's order and weighted as the run's are."""
    classes = number_labels(split.description.class_names, model.class_names, split.uri)
    engine = LocalEngine(split, None, threads, progress)
    mapping = partial(_seen_by, model, classes)
    weighted = Weighted(weights, mapping) if weights else mapping
    engine.view = View(model.coef.shape[1], len(model.class_names), weighted)
    (found,) = engine.statistics(Folds.none())
    split.require_unchanged()
    return found


def _seen_by(model: Model, classes: Any, blocks: Blocks, *, threads: int) -> Blocks:
    """The blocks as the model sees them, with label i as classes[i]."""
    renumbered = (replace(block, labels=classes[block.labels]) for block in blocks)
    return model.seen(renumbered, threads=threads)


def _without(statistics: Statistics, part: Statistics, uri: str) -> Statistics:
    try:
        return downdate(statistics, part)
    except InputError as error:
        raise InputError(f"--remove {uri}: {error}") from error


def _require_all_classes(statistics: Statistics, model: Model) -> None:
    empty = np.flatnonzero(statistics.counts == 0)
    if len(empty):
        raise InputError(
            f"--remove: no image of class '{model.class_names[empty[0]]}' would be left; train "
            "again without the class"
        )
