"""Matplotlib figures as SVG inside the page, in the colours and the font of the page."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure

WIDTH = 4.3  # inches, of every figure: nine points are still readable where a telephone scales it

# Each colour stands for a variable of the style sheet, which has it in light and in dark. The
# series are those of Okabe and Ito, told apart by colour-blind people.
INK, MUTED, LINE, PAPER, PANEL = "#1b1f24", "#59636e", "#d5dae0", "#fdfdfc", "#f3f5f8"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6ff0", "#8c6d46")
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", PAPER: "--paper", PANEL: "--panel"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES)
}
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # names of classes and runs may hold a $
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "ridge-spark",
}


def styled() -> AbstractContextManager[None]:
    """A `with` block in which figures are drawn in the style of the page."""
    return matplotlib.rc_context(STYLE)


def inline(figure: Figure, label: str) -> Markup:
    """The figure as an <svg> element; `label` says in words what it shows."""
    file = io.StringIO()
    with styled():
        figure.savefig(file, format="svg")
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    # Names such as axes_1 are in every figure of the page, and nothing refers to them.
    svg = re.sub(r' id="[A-Za-z0-9.]+_[0-9]+"', "", svg)
    svg = re.sub(r"font: ([0-9.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    svg = re.sub("|".join(VARIABLES), lambda found: f"var({VARIABLES[found.group()]})", svg)
    opening = re.match(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', svg)
    assert opening, "matplotlib writes a viewBox"
    return Markup(  # noqa: S704 - matplotlib escapes the text in the figure
        f'<svg viewBox="{opening.group(1)}" role="img" aria-label="{escape(label)}" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">' + svg[opening.end() :]
    )
