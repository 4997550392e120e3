"""The figures of the page but that of λ: times of stages and tasks, margins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ridge_spark.report.colours import stage_colour
from ridge_spark.report.scales import Scale, ticks
from ridge_spark.report.svg import INK, LINE, SERIES, WIDTH, Drawing, width_of
from ridge_spark.report.text import seconds_of
from ridge_spark.report.times import own_seconds, workers
from ridge_spark.runs.directory import Run
from ridge_spark.runs.result import TaskRecord

MOST_WORKERS = 12
MANY_TASKS = 400  # of a worker; beyond, those that touch are one bar
ROW = 19.5  # height of a row of bars
AXIS = 32.0  # height of an axis with its name
RIGHT = WIDTH - 6.0
BARS = 82.0  # height of a histogram
BINS = 24  # of it


def timeline(run: Run, label: str) -> Markup:
    """When each stage ran, and below it the tasks of each worker, on one axis of seconds."""
    result = run.result
    names = list(dict.fromkeys(stage.stage for stage in result.run_stages))
    busiest = [worker.name for worker in workers(result)[:MOST_WORKERS]]
    labels = [*names, *(f"worker {number}" for number in range(1, len(busiest) + 1))]
    spent = {
        name: seconds_of(sum(s.end - s.start for s in result.run_stages if s.stage == name))
        for name in names
    }
    left = 6 + min(0.3 * WIDTH, max(map(width_of, labels)))
    right = RIGHT - 4 - max(map(width_of, spent.values()))
    bottom = ROW * len(labels) + 6
    drawing = Drawing(bottom + AXIS)
    end = max(each.end for each in (*result.run_stages, *result.tasks)) or 1.0
    x = Scale(0.0, end, left, right)
    _seconds_axis(drawing, x, bottom)
    for row, name in enumerate(labels):
        drawing.text(left - 6, ROW * (row + 0.5), name, colour=INK, anchor="end", most=left - 6)
    for stage in result.run_stages:
        row = names.index(stage.stage)
        drawing.bar(x(stage.start), ROW * row + 3.5, x(stage.end) - x(stage.start), ROW - 7,
                    colour=stage_colour(stage.stage))  # fmt: skip
    for row, name in enumerate(names):  # beside the axis, where no bar is
        drawing.text(RIGHT, ROW * (row + 0.5), spent[name], anchor="end")
    for row, worker in enumerate(busiest, start=len(names)):
        _tasks(drawing, x, ROW * row + 3.5, [t for t in result.tasks if t.worker == worker])
    if busiest:
        drawing.line(left, ROW * len(names), right, ROW * len(names), colour=LINE, width=1)
    return drawing.markup(label)


def _tasks(drawing: Drawing, x: Scale, y: float, tasks: Sequence[TaskRecord]) -> None:
    many = len(tasks) > MANY_TASKS
    for stage in dict.fromkeys(task.stage for task in tasks):
        spans = sorted((x(t.start), x(t.end)) for t in tasks if t.stage == stage)
        for start, end in _merged(spans) if many else spans:
            drawing.bar(start, y, end - start, ROW - 7, colour=stage_colour(stage), edge=not many)


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans, in order, those together that no eye could tell apart."""
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] < 0.5:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _seconds_axis(drawing: Drawing, x: Scale, bottom: float) -> None:
    for value, name in ticks(0.0, x.high, 6):
        drawing.line(x(value), 0, x(value), bottom + 3, colour=LINE)
        drawing.text(x(value), bottom + 10, name, anchor="middle")
    drawing.line(x.start, bottom, x.end, bottom, colour=LINE)
    drawing.text((x.start + x.end) / 2, bottom + 22, "seconds", anchor="middle")


def stages_of(runs: Sequence[Run]) -> list[str]:
    """The stages of all runs, in their order, and at the end what is in none."""
    spent = sorted((own_seconds(run.result) for run in runs), key=len, reverse=True)
    names = dict.fromkeys(name for each in spent for name in each if name != "other")
    return [*names, "other"]


def stage_legend(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """(colour, names): stages that do the same in different kinds of runs have one colour."""
    found: dict[str, list[str]] = {}
    for name in stages_of(runs):
        found.setdefault(stage_colour(name), []).append(name)
    return [(colour, ", ".join(names)) for colour, names in found.items()]


def stage_chart(runs: Sequence[Run], label: str) -> Markup:
    """How long each run spent in each stage, one bar for each run."""
    spent = [own_seconds(run.result) for run in runs]
    left = 6 + min(0.4 * WIDTH, max(width_of(run.name) for run in runs))
    totals = [seconds_of(run.result.run_seconds) for run in runs]
    right = RIGHT - 4 - max(map(width_of, totals))
    bottom = ROW * len(runs) + 6
    drawing = Drawing(bottom + AXIS)
    x = Scale(0.0, max(sum(each.values()) for each in spent) or 1.0, left, right)
    _seconds_axis(drawing, x, bottom)
    for row, (run, each, total) in enumerate(zip(runs, spent, totals, strict=True)):
        middle = ROW * (row + 0.5)
        drawing.text(left - 6, middle, run.name, colour=INK, anchor="end", most=left - 6)
        at = 0.0
        for name in stages_of(runs):
            seconds = each.get(name, 0.0)
            if seconds:
                drawing.bar(x(at), middle - ROW / 2 + 3, x(at + seconds) - x(at), ROW - 6,
                            colour=stage_colour(name), edge=True)  # fmt: skip
            at += seconds
        drawing.text(RIGHT, middle, total, anchor="end")
    return drawing.markup(label)


def margin_chart(right: NDArray[np.float64], wrong: NDArray[np.float64], label: str) -> Markup:
    """How many images are answered with which margin: right ones above, wrong ones below."""
    top = float(max(np.concatenate([right, wrong]).max(), 1e-9))
    edges = np.linspace(0.0, top, BINS + 1)
    panels = [
        (f"{name}: {len(values):,}", np.histogram(values, edges)[0], colour)
        for name, values, colour in (("right", right, SERIES[0]), ("wrong", wrong, SERIES[1]))
        if len(values)
    ]
    left = 8 + width_of(f"{max(int(counts.max()) for _, counts, _ in panels):,}")
    bottom = len(panels) * BARS
    drawing = Drawing(bottom + AXIS)
    x = Scale(0.0, top, left, RIGHT)
    for number, (title, counts, colour) in enumerate(panels, start=1):
        base = number * BARS
        y = Scale(0.0, float(counts.max()), base, base - BARS + 20)
        drawing.text(left, y.end - 10, title, colour=INK)
        for value, name in ticks(0.0, y.high, 2):
            if value == int(value):
                drawing.line(left, y(value), RIGHT, y(value), colour=LINE)
                drawing.text(left - 4, y(value), name.partition(".")[0], anchor="end")
        for low, high, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
            if count:
                drawing.bar(x(low) + 0.4, y(count), x(high) - x(low) - 0.8, base - y(count),
                            colour=colour)  # fmt: skip
    for value, name in ticks(0.0, top, 6):
        drawing.text(x(value), bottom + 10, name, anchor="middle")
    drawing.text((left + RIGHT) / 2, bottom + 22, "margin", anchor="middle")
    return drawing.markup(label)
