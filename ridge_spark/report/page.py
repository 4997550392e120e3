"""The page itself: one HTML file that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from ridge_spark.errors import InputError
from ridge_spark.printable import printable
from ridge_spark.report import charts, outcome, times
from ridge_spark.report.charts import MOST_WORKERS
from ridge_spark.report.colours import stage_colour
from ridge_spark.report.graph import lanes, steps
from ridge_spark.report.lambda_chart import distinct, lambda_chart
from ridge_spark.report.pictures import confusion_picture, filter_sheet, picture, weight_pictures
from ridge_spark.report.reliability import reliability_diagram
from ridge_spark.report.scored import score_test_images
from ridge_spark.report.svg import marker_sample
from ridge_spark.report.tested import Tested
from ridge_spark.report.text import percent, rounded, seconds_of
from ridge_spark.runs.directory import MODEL, RESULT, STATISTICS, Run

MARK = '<meta name="generator" content="ridge-spark">'
MARK_WITHIN = 1000  # bytes from its beginning
TEMPLATES = ("page.html", "run.html", "style.css")
MOST_CLASSES = 24  # whose weights are shown
OF_THE_SEARCH = "Accuracy on held-out images and GCV against lambda"


def render(runs: Sequence[Run], folders: Sequence[str | None]) -> str:
    """The page of one run, or of several side by side.

    folders  of the runs, as links from the page reach them: "" or ending in /, None for none
    """
    runs = [replace(run, name=printable(run.name)) for run in runs]
    views = [_view(run, folder) for run, folder in zip(runs, folders, strict=True)]
    return (
        _environment()
        .get_template("page.html")
        .render(
            mark=Markup(MARK),  # noqa: S704 - it is our own
            views=views,
            comparison=_comparison(runs) if len(runs) > 1 else None,
        )
    )


def is_page(path: Path) -> bool:
    """Whether a file is a page that `render` has made."""
    with open(path, "rb") as file:
        return MARK.encode() in file.read(MARK_WITHIN)


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
    environment.filters |= {
        "percent": percent,
        "rounded": rounded,
        "seconds": seconds_of,
        "colour": stage_colour,
    }
    return environment


def _without_control(value: Any) -> Any:
    """Text that a template shows without what no page may hold, which autoescape leaves in."""
    return printable(value) if type(value) is str else value


@dataclass(frozen=True)
class ClassPictures:
    name: str
    weights: str
    mean: str | None


def _view(run: Run, folder: str | None) -> dict[str, Any]:
    """What the template shows of a run."""
    result = run.result
    tested, without = _tested(run)
    large = len(result.classes) > outcome.LARGEST_TABLE
    spent = times.own_seconds(result)
    return {
        "run": run,
        "result": result,
        "files": []
        if folder is None
        else [(f"{folder}{f}", f) for f in (RESULT, MODEL, STATISTICS)],
        "headline": outcome.headline(run),
        "interval": outcome.interval(run),
        "sentence": outcome.sentence(run) + outcome.baseline(run),
        "facts": outcome.facts(run),
        "lambda_chart": lambda_chart([run], OF_THE_SEARCH),
        "confusion": outcome.confusion_rows(run),
        "longest_name": max(map(len, result.classes)),
        "confusion_picture": confusion_picture(result.matrix) if large else None,
        "pairs": outcome.confused_pairs(run),
        "balance": outcome.balance(run),
        "classes": _class_pictures(run) if run.model.features is None else [],
        "filters": _filters(run),
        "more_classes": max(0, len(result.classes) - MOST_CLASSES),
        "tested": tested,
        "without_examples": without,
        "picture": lambda pixels: picture(pixels, run.model.shape),
        "timeline": charts.timeline(run, "When each stage ran") if result.run_stages else None,
        "spent": spent,
        "task_times": times.task_times(result),
        "workers": times.workers(result)[:MOST_WORKERS],
        "more_workers": max(0, len(times.workers(result)) - MOST_WORKERS),
        "reliability": reliability_diagram(result.calibration) if result.calibration else None,
        "lanes": lanes(result),
        "steps": steps(result),
    }


def _comparison(runs: Sequence[Run]) -> dict[str, Any]:
    columns = [dict(outcome.compared(run)) for run in runs]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    curves = [name for name, _ in distinct(runs)]
    return {
        "names": [run.name for run in runs],
        "rows": [(label, [column.get(label, "–") for column in columns]) for label in labels],
        "lambda_chart": lambda_chart(runs, f"{OF_THE_SEARCH}, by run"),
        "curves": [(marker_sample(number), name) for number, name in enumerate(curves)],
        "stage_chart": charts.stage_chart(runs, "Seconds in each stage, by run"),
        "stages": charts.stage_legend(runs),
        "same_statistics": _same(runs, "statistics_sha256"),
        "same_model": _same(runs, "model_sha256"),
    }


def _same(runs: Sequence[Run], key: str) -> list[list[str]]:
    """The names of the runs, those with the same value together."""
    found: dict[str, list[str]] = {}
    for run in runs:
        found.setdefault(getattr(run.result, key), []).append(run.name)
    return list(found.values())


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


def _tested(run: Run) -> tuple[Tested | None, str]:
    """What the test images show, or why there are none."""
    if not run.result.n_test:
        return None, "The data set has no test split, so there are no test images to show."
    try:
        return Tested.of(score_test_images(run.result.dataset, run.model), run.model), ""
    except InputError as error:
        return None, f"The test images could not be read for this page. {error}"
