"""How the figures of the report look, and what each says of the machine it was measured on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

# The colours of the report's page; the series are those of Okabe and Ito.
INK, MUTED, LINE, PAPER, PANEL = "#1b1f24", "#59636e", "#d5dae0", "#fdfdfc", "#f3f5f8"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6ff0", "#8c6d46")
WIDTH = 4.3  # inches, of a figure of one column
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
    "svg.hashsalt": "ridge-spark",
}
COLUMN = 6.6  # inches, the width of a text column
ON_PAPER = {"figure.facecolor": "white", "savefig.facecolor": "white", "svg.fonttype": "path"}

Measured = dict[str, Any]


@contextmanager
def style() -> Iterator[None]:
    with matplotlib.rc_context(STYLE | ON_PAPER):
        yield


def save(figure: Figure, path: Path, measured_on: Measured, what: str = "") -> None:
    """Write PNG and SVG, below the figure what it was measured with."""
    versions = ", ".join(f"{name} {number}" for name, number in measured_on["versions"].items())
    cores = f"{measured_on['cores']} cores"
    note = f"{what}{measured_on['processor']}, {cores}.\n{versions}."
    with style():
        figure.draw_without_rendering()  # lays it out, before the note joins it
        figure.set_layout_engine("none")
        # A little below the figure, whatever its height; bbox_inches makes room for it.
        figure.text(0.01, -4 / 72 / figure.get_figheight(), note, color=MUTED, size=6.5, va="top")
        for suffix in (".png", ".svg"):
            figure.savefig(
                path.with_suffix(suffix), dpi=200, bbox_inches="tight",
                metadata={"Date": None} if suffix == ".svg" else None,
            )  # fmt: skip
    print(path.with_suffix(".png"))
