"""The preparation of images as ONNX nodes, the same pixels out as from Pillow, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ridge_spark.export.onnx_nodes import Name, Nodes
from ridge_spark.importing.preparation import Preparation

LUMA = (19595, 38470, 7471)  # of 65536, as `Preparation` says
ONE = 1 << 22  # Pillow's filters are integers of which this is the unit


@dataclass(frozen=True)
class Size:
    """Height and width as scalars that are known when the graph runs."""

    height: Name
    width: Name


def prepare(g: Nodes, pixels: Name, preparation: Preparation) -> Name:
    """(n, height, width, 1 or 3) uint8 of any size to (n, channels, height, width) float64."""
    colours = g("Expand", pixels, g.constant([1, 1, 1, 3]))
    x = g("Transpose", g.cast(colours, np.float64), perm=[0, 3, 1, 2])
    shape = g("Shape", x)
    size = Size(*(g("Gather", shape, g.constant(axis)) for axis in (2, 3)))
    target = Size(g.constant(preparation.height), g.constant(preparation.width))
    if preparation.fit == "crop":
        x, size = _cropped(g, x, size, target)
        fitted = target
    else:
        fitted = _contained(g, size, target)
    x = _resized(g, _in_channel(g, x, preparation.channel), size, fitted)
    if preparation.fit == "pad":
        x = _padded(g, x, fitted, target)
    if preparation.threshold is None:
        return x
    level, white, black = (g.real(value) for value in (preparation.level, 255, 0))
    return g("Where", g("GreaterOrEqual", x, level), white, black)


def _in_channel(g: Nodes, x: Name, channel: str) -> Name:
    if channel == "rgb":
        return x
    if channel == "gray":
        weights = g.real(np.reshape(LUMA, (1, 3, 1, 1)))
        total = g("ReduceSum", g("Mul", x, weights), g.constant([1]), keepdims=1)
        rounded = g("Add", total, g.real(0x8000))
        return g("Floor", g("Div", rounded, g.real(0x10000)))
    number = ("red", "green", "blue").index(channel)
    return g("Gather", x, g.constant([number]), axis=1)


def _is_wide(g: Nodes, size: Size, target: Size) -> Name:
    across = g("Mul", size.width, target.height)
    return g("Greater", across, g("Mul", size.height, target.width))


def _contained(g: Nodes, size: Size, target: Size) -> Size:
    """`Preparation.contained`."""
    wide, one = _is_wide(g, size, target), g.constant(1)
    height = g.divide_rounding(g("Mul", size.height, target.width), size.width)
    width = g.divide_rounding(g("Mul", size.width, target.height), size.height)
    return Size(
        g("Where", wide, g("Max", one, height), target.height),
        g("Where", wide, target.width, g("Max", one, width)),
    )


def _cropped(g: Nodes, x: Name, size: Size, target: Size) -> tuple[Name, Size]:
    """`Preparation.centre`."""
    wide, one = _is_wide(g, size, target), g.constant(1)
    width = g.divide_rounding(g("Mul", size.height, target.width), target.height)
    height = g.divide_rounding(g("Mul", size.width, target.height), target.width)
    kept = Size(
        g("Where", wide, size.height, g("Max", one, height)),
        g("Where", wide, g("Max", one, width), size.width),
    )
    starts, ends = [], []
    for whole, part in ((size.height, kept.height), (size.width, kept.width)):
        start = g("Div", g("Sub", whole, part), g.constant(2))
        starts.append(start)
        ends.append(g("Add", start, part))
    return g("Slice", x, _vector(g, *starts), _vector(g, *ends), g.constant([2, 3])), kept


def _padded(g: Nodes, x: Name, size: Size, target: Size) -> Name:
    before, after = [], []
    for whole, part in ((target.height, size.height), (target.width, size.width)):
        missing = g("Sub", whole, part)
        first = g("Div", missing, g.constant(2))
        before.append(first)
        after.append(g("Sub", missing, first))
    none = g.constant(0)
    return g("Pad", x, _vector(g, none, none, *before, none, none, *after), mode="edge")


def _resized(g: Nodes, x: Name, size: Size, target: Size) -> Name:
    """Across and then down, each a product with the filter's weights, rounded to whole pixels."""
    shrinks = g(
        "Greater",
        g("Mul", size.height, size.width),
        g("Mul", target.height, target.width),
    )
    across = g("Transpose", _weights(g, size.width, target.width, shrinks), perm=[1, 0])
    x = _to_pixels(g, g("MatMul", x, across))
    return _to_pixels(g, g("MatMul", _weights(g, size.height, target.height, shrinks), x))


def _weights(g: Nodes, size: Name, target: Name, shrinks: Name) -> Name:
    """Weights of `size` pixels in each of `target`, shape (target, size), whole numbers.

    With s = size / target, f = max(s, 1) and c_i = (i + 1/2) s the centre of pixel i, pixel j has
    the weight h((j - c_i + 1/2) / f), normalised to a sum of one, with h the box on (-1/2, 1/2] or
    the triangle 1 - |x|, for j from ⌊c_i - r + 1/2⌋ to below ⌊c_i + r + 1/2⌋, r = f/2 or f.
    """
    half, one, zero = g.real(0.5), g.real(1), g.real(0)
    scale = g("Div", g.cast(size, np.float64), g.cast(target, np.float64))
    wide = g("Max", scale, one)
    centre = g("Unsqueeze", g("Mul", g("Add", _range(g, target), half), scale), g.constant([1]))
    j = g("Unsqueeze", _range(g, size), g.constant([0]))

    reach = g("Where", shrinks, g("Mul", half, wide), wide)
    first = g("Floor", g("Max", zero, g("Add", g("Sub", centre, reach), half)))
    last = g("Floor", g("Add", g("Add", centre, reach), half))
    inside = g("And", g("GreaterOrEqual", j, first), g("Less", j, last))

    at = g("Mul", g("Add", g("Sub", j, centre), half), g("Div", one, wide))
    in_box = g("And", g("Greater", at, g.real(-0.5)), g("LessOrEqual", at, half))
    box = g("Where", in_box, one, zero)
    triangle = g("Max", zero, g("Sub", one, g("Abs", at)))
    weights = g("Where", inside, g("Where", shrinks, box, triangle), zero)
    normalised = g("Div", weights, g("ReduceSum", weights, g.constant([1]), keepdims=1))
    return g("Floor", g("Add", half, g("Mul", normalised, g.real(ONE))))


def _to_pixels(g: Nodes, weighted: Name) -> Name:
    rounded = g("Add", weighted, g.real(ONE // 2))
    whole = g("Floor", g("Div", rounded, g.real(ONE)))
    return g("Min", g.real(255), whole)


def _range(g: Nodes, limit: Name) -> Name:
    return g.cast(g("Range", g.constant(0), limit, g.constant(1)), np.float64)


def _vector(g: Nodes, *scalars: Name) -> Name:
    return g("Concat", *(g("Unsqueeze", each, g.constant([0])) for each in scalars), axis=0)
