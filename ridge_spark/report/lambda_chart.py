"""The figure of a search: what each λ made of held-out images, how surely, and GCV."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ridge_spark.report.scales import LogScale, Scale, padded, ticks
from ridge_spark.report.svg import INK, LINE, SERIES, WIDTH, Drawing, width_of
from ridge_spark.runs.directory import Run
from ridge_spark.runs.result import HeldOut, Result

MOST_MARKERS = 20  # on a curve; more would run together
PANEL = 105.0  # height of a curve
BETWEEN = 22.0  # panels
AXIS = 32.0  # height of the axis with its name
RIGHT = WIDTH - 6.0
ERRORS = 12  # standard errors below the best; what is worse than that is told in figures

Float = NDArray[np.float64]
Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """What a run knows of each λ.

    values  (L,), NaN where it is not known
    band    (2, L), a standard error of how far each is below the best, on either side; where λ was
            chosen by these values
    folds   (K, L), what each fold said
    floor   where its panel may end: so far below the best that a band would be but a hair there
    """

    values: Float
    band: Float | None = None
    folds: Float | None = None
    floor: float = -math.inf

    @property
    def extent(self) -> Float:
        """All values between which it is drawn."""
        more = [each.ravel() for each in (self.band, self.folds) if each is not None]
        found = np.concatenate([self.values, *more])
        return found[np.isfinite(found) & (found >= self.floor)]


def distinct(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """The runs whose curves differ; those with the same curve have one name and one line."""
    found: dict[Any, list[Run]] = {}
    for run in runs:
        result = run.result
        curves = (result.lambdas, result.validation_accuracy, result.gcv)
        found.setdefault(curves, []).append(run)
    return [(", ".join(run.name for run in same), same[0]) for same in found.values()]


def lambda_chart(runs: Sequence[Run], label: str) -> Markup | None:
    """Scores on held-out images and GCV against λ, one panel above the other, the choice marked.

    There is a panel only for what some run has, and no figure where there is none. By which score λ
    was chosen, around that is a band of one standard error; the folds of a run that is alone are
    thin lines.
    """
    shown = [run for _, run in distinct(runs)]
    panels = []
    for title, curve_of in _titles(shown):
        curves = [curve_of(run.result, len(runs) == 1) for run in shown]
        if any(len(curve.extent) for curve in curves):
            panels.append((title, curves))
    if not panels:
        return None
    drawing = Drawing(len(panels) * (PANEL + BETWEEN) + AXIS)
    left = 8 + max(_widest_tick(curves) for _, curves in panels)
    x = LogScale.of([value for run in shown for value in run.result.lambdas], left + 6, RIGHT - 6)
    for number, (title, curves) in enumerate(panels):
        top = number * (PANEL + BETWEEN) + 16
        drawing.text(left, top - 9, title, colour=INK)
        low, high = _range(curves)
        y = Scale(low, high, top + PANEL, top)
        least = min(float(np.nanmin(curve.values)) for curve in curves if len(curve.extent))
        if least < low:
            drawing.text(RIGHT, top - 9, f"far below: down to {least:.1f}", anchor="end")
        for value, name in ticks(low, high, 5):
            drawing.line(left, y(value), RIGHT, y(value), colour=LINE)
            drawing.text(left - 4, y(value), name, anchor="end")
        for place, (run, curve) in enumerate(zip(shown, curves, strict=True)):
            _spread(drawing, x, y, run.result, curve, SERIES[place % len(SERIES)])
        for place, (run, curve) in enumerate(zip(shown, curves, strict=True)):
            _curve(drawing, x, y, run.result, curve, place)
    _lambda_axis(drawing, x, left, len(panels) * (PANEL + BETWEEN) - 6)
    return drawing.markup(label)


def _titles(runs: Sequence[Run]) -> list[tuple[str, Callable[[Result, bool], Curve]]]:
    """The panels that there may be: what λ was chosen by comes first."""
    balanced = any(_metric(run.result) == "balanced" for run in runs)
    by_class = [("Mean recall on held-out images, %", _macro_recall)] if balanced else []
    return [
        *by_class,
        ("Right on held-out images, %", _accuracy),
        ("Generalised cross-validation", _gcv),
    ]


def _metric(result: Result) -> str | None:
    return result.held_out.metric if result.held_out else None


def _accuracy(result: Result, alone: bool) -> Curve:
    values, held_out = 100 * np.array(result.validation_accuracy, float), result.held_out
    if held_out is None:
        return Curve(values)
    folds = 100 * np.array(held_out.by_fold) if alone and len(held_out.by_fold) > 1 else None
    chose = held_out.metric == "accuracy"
    return _judged(values, held_out, alone, folds) if chose else Curve(values, folds=folds)


def _macro_recall(result: Result, alone: bool) -> Curve:
    held_out = result.held_out
    if held_out is None:
        return Curve(np.full(len(result.lambdas), np.nan))
    values = 100 * np.array(held_out.balanced_accuracy)
    return _judged(values, held_out, alone) if held_out.metric == "balanced" else Curve(values)


def _judged(values: Float, held_out: HeldOut, alone: bool, folds: Float | None = None) -> Curve:
    """The curve that λ was chosen by."""
    error = 100 * np.array(held_out.standard_error)
    band = np.clip([values - error, values + error], 0, 100)
    floor = -math.inf
    if alone and error.any():
        best = int(values.argmax())
        near = values[max(0, best - 1) : best + 2]  # what it is compared with is always shown
        floor = min(float(values[best] - ERRORS * np.median(error[error > 0])), *near.tolist())
    return Curve(values, band, folds, floor)


def _gcv(result: Result, _: bool) -> Curve:
    return Curve(np.array(result.gcv, float))


def _range(curves: Sequence[Curve]) -> tuple[float, float]:
    extent = np.concatenate([curve.extent for curve in curves])
    low, high = padded(extent.tolist())
    return (low, min(high, 100.4)) if high > 100 >= low else (low, high)


def _widest_tick(curves: Sequence[Curve]) -> float:
    return max((width_of(name) for _, name in ticks(*_range(curves), 5)), default=0.0)


def _spread(drawing: Drawing, x: LogScale, y: Scale, result: Result, curve: Curve,
            colour: str) -> None:  # fmt: skip
    """How sure the curve is: the folds, the band, and the height of the best that it may reach."""
    at = [x(value) for value in result.lambdas]
    for fold in curve.folds if curve.folds is not None else ():
        points = list(zip(at, map(y, fold.tolist()), strict=True))
        drawing.polyline(_above(points, y.start), colour=colour, width=0.5)
    if curve.band is None or len(at) < 2:
        return
    lower, upper = (list(zip(at, map(y, side.tolist()), strict=True)) for side in curve.band)
    around = [*upper, *reversed(lower)]
    drawing.area(_above([*around, around[0]], y.start), colour=colour)
    if math.isfinite(curve.floor):
        top = y(float(curve.values.max()))
        drawing.line(at[0], top, at[-1], top, colour=colour, width=0.8, dotted=True)


def _above(points: Sequence[Point], bottom: float) -> list[Point]:
    """A line without what of it is below the bottom of a panel."""
    kept = []
    for (x1, y1), (x2, y2) in pairwise([*points, points[-1]]):
        if y1 <= bottom:
            kept.append((x1, y1))
        if (y1 <= bottom) != (y2 <= bottom):
            kept.append((x1 + (x2 - x1) * (bottom - y1) / (y2 - y1), bottom))
    return kept


def _curve(drawing: Drawing, x: LogScale, y: Scale, result: Result, curve: Curve,
           place: int) -> None:  # fmt: skip
    colour, best = SERIES[place % len(SERIES)], result.best
    chosen = x(result.best_lambda)
    drawing.line(chosen, y.start, chosen, y.end, colour=colour, width=0.8, dotted=True)
    points = [(x(lam), y(v)) if math.isfinite(v) else None
              for lam, v in zip(result.lambdas, curve.values.tolist(), strict=True)]  # fmt: skip
    drawn = [point for point in points if point]
    if drawn:
        drawing.polyline(_above(drawn, y.start), colour=colour)
    step = math.ceil(len(points) / MOST_MARKERS)
    for i in sorted({best, *range(0, len(points), step)}):
        if (point := points[i]) and point[1] <= y.start:
            drawing.marker(point[0], point[1], place, colour=colour)
    if point := points[best]:
        drawing.ring(point[0], point[1], colour=colour)


def _lambda_axis(drawing: Drawing, x: LogScale, left: float, y: float) -> None:
    drawing.line(left, y, RIGHT, y, colour=LINE)
    for value, name in x.ticks(7):
        drawing.line(x(value), y, x(value), y + 3, colour=LINE)
        drawing.text(x(value), y + 10, name, anchor="middle")
    drawing.text((left + RIGHT) / 2, y + 22, "λ", anchor="middle")
