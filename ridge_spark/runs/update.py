"""A model brought up to date: images added and withdrawn by their statistics, and solved again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Split, find_splits
from ridge_spark.data.storage import download, without_secrets
from ridge_spark.engines.local import LocalEngine
from ridge_spark.errors import InputError
from ridge_spark.importing.sources import number_labels
from ridge_spark.model import Model
from ridge_spark.progress import Progress
from ridge_spark.ridge.downdate import downdate
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.result import Draw, describe, draw_page, require_free, write_run
from ridge_spark.runs.training import Training, singular_warnings


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


@dataclass(frozen=True)
class FinishedRun:
    """What a run directory holds: result.json, the model, the statistics."""

    result: dict[str, Any]
    model: Model
    statistics: Statistics

    @classmethod
    def load(cls, uri: str) -> FinishedRun:
        """Read a run directory, here or remote; `InputError` if it is none or is damaged."""
        with tempfile.TemporaryDirectory() as folder:
            files = {}
            for name in ("result.json", "model.safetensors", "statistics.safetensors"):
                files[name] = Path(folder) / name
                if not download(f"{uri.rstrip('/')}/{name}", files[name]):
                    raise InputError(f"--model {uri}: not a run directory, {name} is missing")
            try:
                result = json.loads(files["result.json"].read_text("utf-8"))
                found = result["statistics_sha256"]
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{uri}/result.json: can't be read ({error})") from error
            model = Model.load(files["model.safetensors"])
            statistics = Statistics.load(files["statistics.safetensors"])
        if statistics.sha256() != found:
            raise InputError(
                f"{uri}/statistics.safetensors: is damaged or of another run, its hash is not that "
                "in result.json; train again"
            )
        return cls(result, model, statistics)


def update(options: UpdateOptions, draw: Draw) -> dict[str, Any]:
    """Write a run directory with the model of the run's images, plus `add`, minus `remove`.

    The statistics are those of training on these images from scratch, bit for bit, and no image of
    the old run is needed. No image is held out, so λ stays the one that was chosen on held-out
    images when the run was trained; with `by_gcv` it is chosen again, by the least generalised
    cross-validation over the run's grid, which the statistics suffice for.
    """
    progress = Progress()
    require_free(options.out)
    old = FinishedRun.load(options.run)
    test = _test_split(options.test, old.model)
    splits = {uri: _training_split(uri, old.model) for uri in (*options.add, *options.remove)}
    threads = options.threads or available_cores()
    engine = LocalEngine(next(iter(splits.values())), test, threads, progress)

    statistics, history = old.statistics, []
    for change, uris in (("added", options.add), ("removed", options.remove)):
        for uri in uris:
            part = _statistics(splits[uri], old.model, threads, progress)
            statistics = statistics + part if change == "added" else _without(statistics, part, uri)
            history.append(
                {change: without_secrets(uri), "n": part.n, "statistics_sha256": part.sha256()}
            )
    _require_all_classes(statistics, old.model)

    training = _solve(engine, old, statistics, options, progress)
    described = TrainOptions(
        data=old.result["dataset"],
        out=options.out,
        lambdas=tuple(old.result["lambdas"]),
        folds=Folds.none(old.result["seed"]),
        command=options.command,
    )
    result = describe(engine, training, described, progress)
    result["update"] = {
        "run": without_secrets(options.run),
        "statistics_sha256": old.result["statistics_sha256"],
        "changes": history,
        "lambda": "chosen by GCV" if options.by_gcv else "kept from the run",
    }
    for warning in training.warnings:
        progress.say(f"warning: {warning}")
    write_run(options.out, result, training, draw_page(draw, result, training, progress))
    return result


def _solve(
    engine: LocalEngine,
    old: FinishedRun,
    statistics: Statistics,
    options: UpdateOptions,
    progress: Progress,
) -> Training:
    lambdas, solver = np.array(old.result["lambdas"]), old.result["solver"]
    with progress.stage("solve"):
        (solution,) = engine.solve([statistics], lambdas, solver)
    best = int(np.argmin(solution.gcv if options.by_gcv else abs(lambdas - old.model.lam)))
    coef, intercept = solution.weights_at(best)
    model = Model(
        coef=coef,
        intercept=intercept,
        class_names=old.model.class_names,
        shape=old.model.shape,
        lam=float(lambdas[best]),
        preparation=old.model.preparation,
    )
    return Training(
        model=model,
        statistics=statistics,
        n_validation=0,
        validation_accuracy=np.full(len(lambdas), np.nan),
        gcv=solution.gcv,
        best=best,
        confusion=engine.confusion(model),
        solver=solver,
        warnings=singular_warnings(lambdas, solution),
        blocks=len(engine.train.blocks),
    )


def _training_split(uri: str, model: Model) -> Split:
    """The training images at `uri`, which must be images as the model's are."""
    splits = find_splits(uri)
    if not splits:
        raise InputError(f"{uri}: not a data set; make one with ridge-spark import, --like the run")
    about = splits[0].description
    if (about.shape, about.preparation) != (model.shape, model.preparation):
        raise InputError(
            f"{uri}: images of {_text(about.shape, about.preparation)}, but the model's are of "
            f"{_text(model.shape, model.preparation)}; import them again with --like and the run"
        )
    number_labels(about.class_names, model.class_names, uri)
    return splits[0]


def _test_split(uri: str | None, model: Model) -> Split | None:
    if uri is None:
        return None
    splits = find_splits(uri)
    about = splits[-1].description if splits else None
    if not about or (about.shape, about.class_names) != (model.shape, model.class_names):
        raise InputError(f"--test {uri}: not a data set of the model's image shape and classes")
    return splits[-1]


def _statistics(split: Split, model: Model, threads: int, progress: Progress) -> Statistics:
    """Statistics of a split, its classes in the model's order."""
    (found,) = LocalEngine(split, None, threads, progress).statistics(Folds.none())
    classes = number_labels(split.description.class_names, model.class_names, split.uri)
    placed = Statistics.zeros(len(model.class_names), found.d)
    placed.counts[classes], placed.sums[classes] = found.counts, found.sums
    return Statistics(placed.counts, placed.sums, found.gram)


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


def _text(shape: Sequence[int], preparation: dict[str, Any]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in preparation.items() if value is not None)
    return "x".join(map(str, shape)) + (f" ({told})" if told else "")
