"""The reliability diagram: how often answers are right, against how sure they are."""

from __future__ import annotations

from markupsafe import Markup

from ridge_spark.runs.result import Calibration

LEFT, TOP, SIDE = 34, 8, 220  # of the square, in units of the drawing
LARGEST = 9  # radius of the mark of a bin that has all images
TICKS = (0, 25, 50, 75, 100)


def reliability_diagram(found: Calibration) -> Markup:
    """An <svg> with a mark for each bin of confidence, its area that of the bin's images."""
    points = [
        (confidence, accuracy, images / sum(found.images))
        for images, confidence, accuracy in zip(
            found.images, found.confidence, found.accuracy, strict=True
        )
        if confidence is not None and accuracy is not None
    ]
    line = " ".join(
        f"{_x(confidence):.1f},{_y(accuracy):.1f}" for confidence, accuracy, _ in points
    )
    marks = "".join(
        f'<circle cx="{_x(confidence):.1f}" cy="{_y(accuracy):.1f}" '
        f'r="{max(2.0, LARGEST * share**0.5):.1f}"><title>{100 * share:.1f}% of the images: '
        f"{100 * confidence:.1f}% sure, {100 * accuracy:.1f}% right</title></circle>"
        for confidence, accuracy, share in points
    )
    grid = "".join(
        f'<path d="M{_x(tick / 100)} {TOP}V{TOP + SIDE}M{LEFT} {_y(tick / 100)}H{LEFT + SIDE}"/>'
        for tick in TICKS
    )
    labels = "".join(
        f'<text x="{_x(tick / 100)}" y="{TOP + SIDE + 14}" text-anchor="middle">{tick}</text>'
        f'<text x="{LEFT - 6}" y="{_y(tick / 100) + 3}" text-anchor="end">{tick}</text>'
        for tick in TICKS
    )
    middle, height = LEFT + SIDE / 2, TOP + SIDE + 32
    return Markup(  # noqa: S704 - made of numbers alone
        f'<svg viewBox="0 0 {LEFT + SIDE + 12} {height}" role="img" '
        'aria-label="How often answers are right against how sure they are, in per cent" '
        'font-size="9" fill="var(--muted)">'
        f'<g stroke="var(--line)" stroke-width=".6">{grid}</g>{labels}'
        f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" stroke="var(--muted)" '
        'stroke-dasharray="3 3"/>'
        f'<text x="{middle}" y="{height - 4}" text-anchor="middle">probability, %</text>'
        f'<text x="{LEFT + 4}" y="{TOP + 10}">right, %</text>'
        f'<polyline points="{line}" fill="none" stroke="var(--series-0)" stroke-width="1.4"/>'
        f'<g fill="var(--series-0)">{marks}</g></svg>'
    )


def _x(fraction: float) -> float:
    return LEFT + SIDE * fraction


def _y(fraction: float) -> float:
    return TOP + SIDE * (1 - fraction)
