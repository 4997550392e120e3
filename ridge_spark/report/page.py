"""The page itself: one HTML file that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from ridge_spark.errors import InputError
from ridge_spark.printable import printable
from ridge_spark.report import outcome, times
from ridge_spark.report.charts import MOST_WORKERS, lambda_chart, stage_chart, timeline
from ridge_spark.report.examples import Examples, find_examples
from ridge_spark.report.graph import lanes, steps
from ridge_spark.report.pictures import confusion_picture, filter_sheet, picture, weight_pictures
from ridge_spark.report.reliability import reliability_diagram
from ridge_spark.report.svg import inline
from ridge_spark.report.text import percent, rounded, seconds_of
from ridge_spark.runs.directory import Run

TEMPLATES = ("page.html", "run.html", "style.css")
MOST_CLASSES = 24  # whose weights are shown


def render(runs: Sequence[Run]) -> str:
    """The page of one run, or of several side by side."""
    environment = _environment()
    runs = [replace(run, name=printable(run.name)) for run in runs]
    views = [_view(run) for run in runs]
    return environment.get_template("page.html").render(
        views=views, comparison=_comparison(runs) if len(runs) > 1 else None
    )


def _environment() -> Environment:
    folder = files(__package__)  # which may be inside a zip
    environment = Environment(
        loader=DictLoader({name: (folder / name).read_text("utf-8") for name in TEMPLATES}),
        autoescape=True,  # names of classes and paths are anybody's text
        finalize=_without_control,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "rounded": rounded, "seconds": seconds_of}
    return environment


def _without_control(value: Any) -> Any:
    """Text that a template shows without what no page may hold, which autoescape leaves in."""
    return printable(value) if type(value) is str else value


@dataclass(frozen=True)
class ClassPictures:
    name: str
    weights: str
    mean: str | None


def _view(run: Run) -> dict[str, Any]:
    """What the template shows of a run."""
    result = run.result
    shown, without = _examples(run)
    large = len(result.classes) > outcome.LARGEST_TABLE
    spent = times.own_seconds(result)
    return {
        "run": run,
        "result": result,
        "headline": outcome.headline(run),
        "sentence": outcome.sentence(run) + outcome.baseline(run),
        "facts": outcome.facts(run),
        "lambda_chart": inline(
            lambda_chart([run]), "Accuracy on held-out images and GCV against lambda"
        ),
        "confusion": outcome.confusion_rows(run),
        "longest_name": max(map(len, result.classes)),
        "confusion_picture": confusion_picture(result.matrix) if large else None,
        "pairs": outcome.confused_pairs(run),
        "classes": _class_pictures(run) if run.model.features is None else [],
        "filters": _filters(run),
        "more_classes": max(0, len(result.classes) - MOST_CLASSES),
        "examples": shown,
        "without_examples": without,
        "picture": lambda pixels: picture(pixels, run.model.shape),
        "timeline": _timeline(run),
        "spent": spent,
        "task_times": times.task_times(result),
        "workers": times.workers(result)[:MOST_WORKERS],
        "more_workers": max(0, len(times.workers(result)) - MOST_WORKERS),
        "reliability": reliability_diagram(result.calibration) if result.calibration else None,
        "lanes": lanes(result),
        "steps": steps(result),
    }


def _comparison(runs: Sequence[Run]) -> dict[str, Any]:
    columns = [dict(outcome.facts(run)) for run in runs]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    return {
        "names": [run.name for run in runs],
        "rows": [(label, [column.get(label, "–") for column in columns]) for label in labels],
        "lambda_chart": inline(
            lambda_chart(runs), "Accuracy on held-out images and GCV against lambda, by run"
        ),
        "stage_chart": inline(stage_chart(runs), "Seconds in each stage, by run"),
        "same_statistics": _same(runs, "statistics_sha256"),
        "same_model": _same(runs, "model_sha256"),
    }


def _same(runs: Sequence[Run], key: str) -> list[list[str]]:
    """The names of the runs, those with the same value together."""
    found: dict[str, list[str]] = {}
    for run in runs:
        found.setdefault(getattr(run.result, key), []).append(run.name)
    return list(found.values())


def _timeline(run: Run) -> Markup | None:
    return inline(timeline(run), "When each stage ran") if run.result.run_stages else None


def _class_pictures(run: Run) -> list[ClassPictures]:
    weights = weight_pictures(run.model.coef[:MOST_CLASSES], run.model.shape)
    means = run.means
    return [
        ClassPictures(
            run.model.class_names[i],
            weights[i],
            None if means is None else picture(means[i].round().astype("uint8"), run.model.shape),
        )
        for i in range(len(weights))
    ]


def _filters(run: Run) -> str | None:
    """The filters of the model's patches as one picture."""
    bank = run.model.features.bank if run.model.features else None
    if bank is None:
        return None
    geometry = bank.geometry
    return filter_sheet(
        bank.filters.reshape(-1, geometry.window, geometry.window, geometry.shape[2])
    )


def _examples(run: Run) -> tuple[Examples | None, str]:
    """Examples of the test images, or why there are none."""
    if not run.result.n_test:
        return None, "The data set has no test split, so there are no test images to show."
    try:
        return find_examples(run.result.dataset, run.model), ""
    except InputError as error:
        return None, f"The test images could not be read for this page. {error}"
