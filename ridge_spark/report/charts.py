"""The figures of the page: accuracy and GCV against λ, times of stages and tasks, margins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ridge_spark.report.colours import stage_colour
from ridge_spark.report.scales import LogScale, Scale, padded, ticks
from ridge_spark.report.svg import INK, LINE, SERIES, WIDTH, Drawing, width_of
from ridge_spark.report.text import seconds_of
from ridge_spark.report.times import own_seconds, workers
from ridge_spark.runs.directory import Run
from ridge_spark.runs.result import TaskRecord

MOST_MARKERS = 20  # on a curve; more would run together
MOST_WORKERS = 12
MANY_TASKS = 400  # of a worker; beyond, those that touch are one bar
PANEL = 105.0  # height of a curve
ROW = 19.5  # height of a row of bars
AXIS = 32.0  # height of an axis with its name
RIGHT = WIDTH - 6.0
BARS = 82.0  # height of a histogram
BINS = 24  # of it


def distinct(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """The runs whose curves differ; those with the same curve have one name and one line."""
    found: dict[Any, list[Run]] = {}
    for run in runs:
        result = run.result
        curves = (result.lambdas, result.validation_accuracy, result.gcv)
        found.setdefault(curves, []).append(run)
    return [(", ".join(run.name for run in same), same[0]) for same in found.values()]


def lambda_chart(runs: Sequence[Run], label: str) -> Markup | None:
    """Validation accuracy and GCV against λ, one above the other, the choice marked.

    There is a panel only for what some run has, and no figure where there is neither.
    """
    shown = [run for _, run in distinct(runs)]
    panels = []
    for title, key, times in (
        ("Right on held-out images, %", "validation_accuracy", 100.0),
        ("Generalised cross-validation", "gcv", 1.0),
    ):
        curves = [times * np.array(getattr(run.result, key), float) for run in shown]
        if any(np.isfinite(curve).any() for curve in curves):
            panels.append((title, curves))
    if not panels:
        return None
    drawing = Drawing(len(panels) * (PANEL + 22) + AXIS)
    left = 8 + max(_widest_tick(curves) for _, curves in panels)
    x = LogScale.of([value for run in shown for value in run.result.lambdas], left + 6, RIGHT - 6)
    for number, (title, curves) in enumerate(panels):
        top = number * (PANEL + 22) + 16
        drawing.text(left, top - 9, title, colour=INK)
        low, high = _range(curves)
        y = Scale(low, high, top + PANEL, top)
        for value, name in ticks(low, high, 5):
            drawing.line(left, y(value), RIGHT, y(value), colour=LINE)
            drawing.text(left - 4, y(value), name, anchor="end")
        for place, (run, curve) in enumerate(zip(shown, curves, strict=True)):
            _curve(drawing, x, y, run, curve, place)
    _lambda_axis(drawing, x, left, len(panels) * (PANEL + 22) - 6)
    return drawing.markup(label)


def _range(curves: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    low, high = padded([float(v) for curve in curves for v in curve[np.isfinite(curve)]])
    return (low, min(high, 100.4)) if high > 100 >= low else (low, high)


def _widest_tick(curves: Sequence[NDArray[np.float64]]) -> float:
    return max((width_of(name) for _, name in ticks(*_range(curves), 5)), default=0.0)


def _curve(drawing: Drawing, x: LogScale, y: Scale, run: Run, curve: NDArray[np.float64],
           place: int) -> None:  # fmt: skip
    result, colour = run.result, SERIES[place % len(SERIES)]
    best = result.best
    chosen = x(result.best_lambda)
    drawing.line(chosen, y.start, chosen, y.end, colour=colour, width=0.8, dotted=True)
    points = [(x(lam), y(v)) if math.isfinite(v) else None
              for lam, v in zip(result.lambdas, curve.tolist(), strict=True)]  # fmt: skip
    drawn = [point for point in points if point]
    if drawn:
        drawing.polyline(drawn, colour=colour)
    step = math.ceil(len(points) / MOST_MARKERS)
    for i in sorted({best, *range(0, len(points), step)}):
        if point := points[i]:
            drawing.marker(point[0], point[1], place, colour=colour)
    if point := points[best]:
        drawing.ring(point[0], point[1], colour=colour)


def _lambda_axis(drawing: Drawing, x: LogScale, left: float, y: float) -> None:
    drawing.line(left, y, RIGHT, y, colour=LINE)
    for value, name in x.ticks(7):
        drawing.line(x(value), y, x(value), y + 3, colour=LINE)
        drawing.text(x(value), y + 10, name, anchor="middle")
    drawing.text((left + RIGHT) / 2, y + 22, "λ", anchor="middle")


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
