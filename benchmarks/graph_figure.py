"""The computation graph of a run, for print: columns of boxes, driver and workers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap

from drawing import INK, MUTED, PANEL, SERIES, WIDTH, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from ridge_spark.report.graph import Step
from ridge_spark.report.text import seconds_of

# All in inches, from the top left corner.
COLUMN = 2.0
LEFT = (0.03, WIDTH - COLUMN - 0.13)  # of the driver's column and of the workers'
TOP, BETWEEN = 0.38, 0.2
TITLE, LINE_HEIGHT, PAD = 0.17, 0.15, 0.09
STACKED = 0.045  # what shows of each box behind
IN_A_BOX, PASSED_ON = 31, 26  # characters in a line
TURN = 0.3  # where an arrow turns down, from the near side of the other column


def graph_figure(
    steps: Sequence[Step], lanes: tuple[str, str], workers: int, seconds: Mapping[str, float]
) -> Figure:
    """Draw the steps, those of several workers as a stack of boxes; `seconds` by stage."""
    heights = [2 * PAD + TITLE + LINE_HEIGHT * len(_lines(step)) for step in steps]
    tops = [TOP + sum(heights[:i]) + BETWEEN * i for i in range(len(steps))]
    total = tops[-1] + heights[-1] + 0.12
    with style():
        figure = Figure((WIDTH, total))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(total, 0))
        axes.axis("off")
        for left, name in zip(LEFT, lanes, strict=True):
            axes.text(left, 0.18, name, color=MUTED, weight="bold", va="center")
        for i, (step, top, height) in enumerate(zip(steps, tops, heights, strict=True)):
            if i + 1 < len(steps):
                _arrow(axes, step, steps[i + 1], top + height / 2, top + height, tops[i + 1])
            for behind in reversed(range(min(workers, 3) if step.by_workers else 1)):
                _box(axes, step.by_workers, top, height, STACKED * behind)
            _write(axes, step, top, seconds.get(step.stage))
    return figure


def _lines(step: Step) -> list[str]:
    together = re.sub(r"(?<=[0-9×]) ", "\N{NO-BREAK SPACE}", step.text)
    return wrap(together, IN_A_BOX)


def _box(axes: Axes, by_workers: bool, top: float, height: float, shift: float) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (LEFT[by_workers] + shift, top + shift), COLUMN, height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=PANEL, edgecolor=SERIES[0] if by_workers else MUTED, linewidth=0.9,
        )
    )  # fmt: skip


def _write(axes: Axes, step: Step, top: float, seconds: float | None) -> None:
    left = LEFT[step.by_workers] + PAD
    first = top + PAD + TITLE / 2
    axes.text(left, first, step.title, color=INK, weight="bold", fontsize=8.5, va="center")
    if seconds is not None:
        axes.text(
            LEFT[step.by_workers] + COLUMN - PAD, first, seconds_of(seconds),
            color=MUTED, fontsize=8, va="center", ha="right",
        )  # fmt: skip
    for number, line in enumerate(_lines(step), start=1):
        axes.text(left, first + LINE_HEIGHT * number, line, color=INK, fontsize=8, va="center")


def _arrow(
    axes: Axes, step: Step, following: Step, middle: float, bottom: float, next_top: float
) -> None:
    """From the side of a box over and down to the next, or straight down in the same column."""
    here, there = LEFT[step.by_workers], LEFT[following.by_workers]
    if here == there:
        x = here + TURN
        points = [(x, bottom), (x, next_top)]
        label, beside = bottom + BETWEEN / 2, x + 0.08
        side = "left"
    else:
        rightward = there > here
        x = there + TURN if rightward else there + COLUMN - TURN
        points = [(here + COLUMN if rightward else here, middle), (x, middle), (x, next_top)]
        label, beside = middle, x + 0.08 if rightward else x - 0.08
        side = "left" if rightward else "right"
    axes.add_patch(
        FancyArrowPatch(
            path=Path(points), arrowstyle="-|>", mutation_scale=8, color=MUTED,
            linewidth=0.9, joinstyle="round", shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    axes.text(
        beside, label + 0.04, "\n".join(wrap(step.passed_on, PASSED_ON)),
        color=MUTED, fontsize=8, style="italic",
        va="center" if here == there else "top", ha=side, linespacing=1.3,
    )  # fmt: skip
