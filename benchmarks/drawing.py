"""How the figures of the report look, and what each says of the machine it was measured on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ridge_spark.report.svg import MUTED, STYLE

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
