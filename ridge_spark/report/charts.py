"""The charts of the page: accuracy and GCV against λ, the time line, stages of several runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ridge_spark.report.svg import INK, LINE, MUTED, PAPER, SERIES, WIDTH, styled
from ridge_spark.report.text import power_of_ten
from ridge_spark.report.times import own_seconds, workers
from ridge_spark.runs.directory import Run
from ridge_spark.runs.result import TaskRecord

MARKERS = "osD^vPX*"
MOST_MARKERS = 20  # on a curve; more would run together
MOST_WORKERS = 12
MANY_TASKS = 400  # beyond, drawn as pixels


def lambda_chart(runs: Sequence[Run]) -> Figure:
    """Validation accuracy and GCV against λ, one above the other, the choice marked."""
    with styled():
        figure = Figure((WIDTH, 4.2), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True)
        for number, (name, run) in enumerate(_without_repeats(runs)):
            result = run.result
            best = result.best
            step = math.ceil(len(result.lambdas) / MOST_MARKERS)
            style = {
                "color": SERIES[number % len(SERIES)],
                "marker": MARKERS[number % len(MARKERS)],
                "markersize": 4.5,
                "markevery": sorted({best, *range(0, len(result.lambdas), step)}),
                "label": name,
            }
            accuracy = 100 * np.array(result.validation_accuracy, float)  # NaN after an update
            gcv = np.array(result.gcv, float)  # NaN where there is none
            upper.plot(result.lambdas, accuracy, **style)
            lower.plot(result.lambdas, gcv, **style)
            for axes, values in ((upper, accuracy), (lower, gcv)):
                axes.axvline(result.best_lambda, color=style["color"], lw=0.8, ls=":")
                axes.plot(
                    result.best_lambda, values[best], marker="o", markersize=10,
                    markerfacecolor="none", markeredgecolor=style["color"], lw=0,
                )  # fmt: skip
        bottom, top = upper.get_ylim()
        if top > 100:  # room for the marks, but none of the scale
            upper.set_ylim(min(bottom, 98.0), 100 + 0.05 * (100 - min(bottom, 98.0)))
        upper.set_title("Right on held-out images, %")
        lower.set_title("Generalised cross-validation")
        lower.set_xlabel("λ")
        _scale_lambda(lower, [value for run in runs for value in run.result.lambdas])
        if len(runs) > 1:
            upper.legend(loc="best")
        for axes, key in ((upper, "validation_accuracy"), (lower, "gcv")):
            if not any(
                np.isfinite(np.array(getattr(run.result, key), float)).any() for run in runs
            ):
                axes.text(0.5, 0.5, "not defined here", transform=axes.transAxes, ha="center")
    return figure


def timeline(run: Run) -> Figure:
    """When each stage ran, and below it the tasks of each worker, on one axis of seconds."""
    result = run.result
    stages = result.run_stages
    names = list(dict.fromkeys(stage.stage for stage in stages))
    colour = {name: SERIES[i % len(SERIES)] for i, name in enumerate(names)}
    busiest = [worker.name for worker in workers(result)[:MOST_WORKERS]]
    rows = len(names) + len(busiest)
    end = max(stage.end for stage in stages) or 1.0
    with styled():
        figure = Figure((WIDTH, 0.55 + 0.27 * rows), layout="constrained")
        axes = figure.subplots()
        for stage in stages:
            y, seconds = names.index(stage.stage), stage.end - stage.start
            axes.barh(y, seconds, 0.62, stage.start, color=colour[stage.stage])
            _label(axes, y, stage.start, stage.end, end)
        for y, worker in enumerate(busiest, start=len(names)):
            _tasks(axes, y, [t for t in result.tasks if t.worker == worker], colour)
        if busiest:
            axes.axhline(len(names) - 0.5, color=LINE, lw=1)
        labels = [*names, *(f"worker {number}" for number in range(1, len(busiest) + 1))]
        axes.set_yticks(range(rows), labels, color=INK)
        axes.set_ylim(rows - 0.4, -0.6)
        axes.set_xlim(0, end * 1.01)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("seconds since the run began")
    return figure


def stage_chart(runs: Sequence[Run]) -> Figure:
    """How long each run spent in each stage, one bar for each run."""
    spent = [own_seconds(run.result) for run in runs]
    longest_first = sorted(spent, key=len, reverse=True)
    names = list(dict.fromkeys(name for each in longest_first for name in each))
    names.remove("other")
    with styled():
        figure = Figure((WIDTH, 1.1 + 0.4 * len(runs)), layout="constrained")
        axes = figure.subplots()
        left = np.zeros(len(runs))
        for number, name in enumerate([*names, "other"]):
            seconds = np.array([each.get(name, 0.0) for each in spent])
            colour = LINE if name == "other" else SERIES[number % len(SERIES)]
            axes.barh(range(len(runs)), seconds, 0.6, left, color=colour, label=name,
                      edgecolor=PAPER, linewidth=0.8)  # fmt: skip
            left += seconds
        axes.set_yticks(range(len(runs)), [run.name for run in runs], color=INK)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("seconds")
        figure.legend(loc="outside upper left", ncols=4, handlelength=1, handleheight=1)
    return figure


def _without_repeats(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """The runs whose curves differ; those with the same curve have one name and one line."""
    found: dict[Any, list[Run]] = {}
    for run in runs:
        result = run.result
        curves = (result.lambdas, result.validation_accuracy, result.gcv)
        found.setdefault(curves, []).append(run)
    return [(", ".join(run.name for run in same), same[0]) for same in found.values()]


def _scale_lambda(axes: Axes, lambdas: Sequence[float]) -> None:
    """Logarithmic, with room for λ = 0 at its left end where that was tried."""
    positive = [value for value in lambdas if value > 0]
    if not positive:
        return
    if len(positive) == len(lambdas):
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=min(positive))
    axes.xaxis.set_major_formatter(lambda value, _: power_of_ten(value))
    axes.minorticks_off()


def _label(axes: Axes, y: float, start: float, stop: float, end: float) -> None:
    """The seconds of a stage: to the right of its bar, else to the left, else inside."""
    if stop < 0.8 * end:
        x, side, colour, offset = stop, "left", MUTED, 3
    elif start > 0.2 * end:
        x, side, colour, offset = start, "right", MUTED, -3
    else:
        x, side, colour, offset = stop, "right", PAPER, -3
    axes.annotate(
        f"{stop - start:.2f} s", (x, y), (offset, 0), textcoords="offset points",
        ha=side, va="center", fontsize=8, color=colour,
    )  # fmt: skip


def _tasks(axes: Axes, y: float, tasks: list[TaskRecord], colour: dict[str, str]) -> None:
    for stage, own in colour.items():
        spans = [(t.start, t.end - t.start) for t in tasks if t.stage == stage]
        axes.broken_barh(
            spans, (y - 0.31, 0.62), color=own, edgecolor=PAPER, linewidth=0.5,
            rasterized=len(spans) > MANY_TASKS,
        )  # fmt: skip
