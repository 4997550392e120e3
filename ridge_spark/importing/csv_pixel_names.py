"""Columns of pixels, known by names that differ by their numbers only, in the order of an image."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from ridge_spark.data.description import MOST_PIXELS

FEWEST_OF_A_TABLE = 16  # columns of pixels; fewer, beside a file, are places in the image


def of_one_kind(names: Sequence[str] | None) -> list[int]:
    """The columns whose names differ by their numbers only, in the order of an image."""
    if names is None:
        return []
    stems = [re.sub(r"\d+", "#", name) for name in names]
    usual = Counter(stem for stem in stems if "#" in stem)
    most = max(usual.values(), default=0)
    pixels = [at for at, stem in enumerate(stems) if most and usual[stem] == most]
    return _in_order(names, stems, pixels) if len(pixels) > len(stems) // 2 else []


def shape_of(n: int, size: tuple[int, int] | None) -> tuple[int, int, int] | None:
    """(height, width, channels) of n pixels: square, or of the size asked for."""
    height = width = math.isqrt(n)
    if size and n in (size[0] * size[1], 3 * size[0] * size[1]):
        height, width = size
    elif height * width != n:
        height = width = math.isqrt(n // 3)
    if not 1 <= n <= MOST_PIXELS or n not in (height * width, 3 * height * width):
        return None
    return height, width, n // (height * width)


def _in_order(names: Sequence[str], stems: Sequence[str], pixels: list[int]) -> list[int]:
    """Columns by their numbers, and those of red, green and blue planes pixel by pixel."""
    kinds = list(dict.fromkeys(stems[at] for at in pixels))
    if any(stem.count("#") > 1 for stem in kinds):
        return pixels
    planes = [
        sorted((at for at in pixels if stems[at] == kind), key=lambda at: _number(names[at]))
        for kind in kinds
    ]
    if len(planes) == 1:
        return planes[0]
    ends = [re.sub(r"[#_. -]|pixel|px", "", kind.lower()) for kind in kinds]
    for colours in (["r", "g", "b"], ["red", "green", "blue"]):
        if sorted(ends) == sorted(colours):
            ordered = [planes[ends.index(colour)] for colour in colours]
            return [at for pixel in zip(*ordered, strict=True) for at in pixel]
    return pixels


def _number(name: str) -> int:
    return int("".join(re.findall(r"\d+", name)))
