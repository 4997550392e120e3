"""Shapes and text as one <svg> element, in the colours and the font of the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH = 310.0  # of every figure: text of 9 is still readable where a telephone scales it
TEXT = 9.0  # size of text

# Variables of the style sheet, which has each colour in light and in dark. The series are those of
# Okabe and Ito, told apart by colour-blind people.
INK, MUTED, LINE, PAPER = "var(--ink)", "var(--muted)", "var(--line)", "var(--paper)"
SERIES = tuple(f"var(--series-{number})" for number in range(8))

MARKERS = (  # around 0, of the same weight to the eye
    "M-2.6,0a2.6,2.6 0 1,0 5.2,0a2.6,2.6 0 1,0 -5.2,0",
    "M-2.3,-2.3h4.6v4.6h-4.6z",
    "M0,-3.3L3.3,0L0,3.3L-3.3,0z",
    "M-3,2.4L0,-3L3,2.4z",
    "M-3,-2.4L0,3L3,-2.4z",
    "M-2.6,-2.6L2.6,2.6M-2.6,2.6L2.6,-2.6",
    "M0,-3.2V3.2M-3.2,0H3.2",
    "M-3.2,-1.2H3.2V1.2H-3.2z",
)


class Drawing:
    """A figure of WIDTH x `height`; y grows downwards."""

    def __init__(self, height: float) -> None:
        self.height = height
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, *, colour: str, width: float = 0.6,
             dotted: bool = False) -> None:  # fmt: skip
        dots = ";stroke-dasharray:1.5 2" if dotted else ""
        self._parts.append(
            f'<path d="M{x1:.2f},{y1:.2f}L{x2:.2f},{y2:.2f}" '
            f'style="stroke:{colour};stroke-width:{width}{dots}"/>'
        )

    def polyline(
        self, points: Sequence[tuple[float, float]], *, colour: str, width: float = 1.6
    ) -> None:
        self._parts.append(
            f'<path d="{_path(points)}" style="fill:none;stroke:{colour};stroke-width:{width}"/>'
        )

    def area(self, points: Sequence[tuple[float, float]], *, colour: str) -> None:
        """What these points go around, through which all behind it still shows."""
        self._parts.append(f'<path d="{_path(points)}Z" style="fill:{colour};fill-opacity:0.18"/>')

    def marker(self, x: float, y: float, kind: int, *, colour: str) -> None:
        self._parts.append(
            f'<path d="{MARKERS[kind % len(MARKERS)]}" transform="translate({x:.2f},{y:.2f})" '
            f'style="fill:{colour};stroke:{colour}"/>'
        )

    def ring(self, x: float, y: float, *, colour: str) -> None:
        self._parts.append(
            f'<circle cx="{x:.2f}" cy="{y:.2f}" r="5.5" style="fill:none;stroke:{colour}"/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, *, colour: str,
            edge: bool = False) -> None:  # fmt: skip
        stroke = f";stroke:{PAPER};stroke-width:0.5" if edge else ""
        self._parts.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(width, 0.4):.2f}" height="{height:.2f}" '
            f'style="fill:{colour}{stroke}"/>'
        )

    def text(self, x: float, y: float, text: str, *, colour: str = MUTED, anchor: str = "start",
             most: float = WIDTH) -> None:  # fmt: skip
        """`text` with its middle at the height y, cut to a width of about `most`."""
        shown = shortened(text, most)
        title = f"<title>{escape(text)}</title>" if shown != text else ""
        self._parts.append(
            f'<text x="{x:.2f}" y="{y + 0.35 * TEXT:.2f}" text-anchor="{anchor}" '
            f'style="fill:{colour}">{escape(shown)}{title}</text>'
        )

    def markup(self, label: str) -> Markup:
        """The element; `label` says in words what it shows."""
        return Markup(  # noqa: S704 - all text in it has been escaped
            f'<svg viewBox="0 0 {WIDTH:g} {self.height:g}" role="img" '
            f'aria-label="{escape(label)}">{"".join(self._parts)}</svg>'
        )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in points)


def width_of(text: str) -> float:
    """About how wide text is."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return TEXT * (0.55 * (len(text) - wide) + wide)


def shortened(text: str, most: float) -> str:
    """`text`, or its beginning and an ellipsis where it is wider than `most`."""
    if width_of(text) <= most:
        return text
    while text and width_of(text) + 0.8 * TEXT > most:
        text = text[:-1]
    return text + "…"


def marker_sample(number: int) -> Markup:
    """The line and marker of a series, for a legend."""
    colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
    return Markup(  # noqa: S704 - nothing in it is anybody's
        f'<svg viewBox="-8 -5 16 10" class="sample" aria-hidden="true"><path d="M-8,0H8" '
        f'style="stroke:{colour};stroke-width:1.6"/><path d="{marker}" '
        f'style="fill:{colour};stroke:{colour}"/></svg>'
    )
