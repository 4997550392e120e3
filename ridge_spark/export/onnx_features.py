"""A feature map as ONNX nodes: the same bytes, by products of integers and exact arithmetic."""

from __future__ import annotations

import numpy as np
from scipy.linalg import hadamard

from ridge_spark.export.onnx_nodes import Name, Nodes
from ridge_spark.features import FeatureMap
from ridge_spark.features.moments import LEAST_VARIANCE, ONE, SCALES, Moments, of_a_dot
from ridge_spark.ridge.kernel.patches import SCALE_BITS, FilterBank, SignedUnits

F64 = np.float64


def add_features(g: Nodes, pixels: Name, features: FeatureMap) -> Name:
    """Pixels (n, channels, height, width) float64 to features (n, d) float64, whole numbers."""
    x = _shrunk(g, pixels, features)
    if features.moments:
        x = _upright(g, x, features.moments)
    if features.bank:
        first = _pooled(g, x, features.bank)
    else:
        flat = g("Transpose", x, perm=[0, 2, 3, 1])
        first = g("Reshape", flat, g.constant([-1, features.first_outputs]))
    if features.units is None:
        return first
    return g("Concat", first, _units(g, first, features.units), axis=1)


def _shrunk(g: Nodes, x: Name, features: FeatureMap) -> Name:
    by = features.shrink
    if by == 1:
        return x
    rows, columns, channels = features.small_shape
    whole = g(
        "Slice", x, g.constant([0, 0]), g.constant([rows * by, columns * by]), g.constant([2, 3])
    )
    cut = g("Reshape", whole, g.constant([-1, channels, rows, by, columns, by]))
    total = g("ReduceSum", cut, g.constant([3, 5]), keepdims=0)
    half = g.real(by * by // 2)
    return g("Floor", g("Div", g("Add", total, half), g.real(by * by)))


def _upright(g: Nodes, x: Name, moments: Moments) -> Name:
    """Moments.__call__: the same divisions and square roots, one by one."""
    height, width, _ = moments.shape
    y, x_at = (m.ravel().astype(F64) for m in np.mgrid[:height, :width])
    basis = np.stack([np.ones_like(y), y, x_at, y * y, x_at * x_at, y * x_at], axis=1)
    gray = g("ReduceSum", x, g.constant([1]), keepdims=0)
    flat = g("Reshape", gray, g.constant([-1, height * width]))
    sums = g("MatMul", flat, g.real(basis))
    mass = _column(g, sums, 0)
    empty = g("Equal", mass, g.real(0.0))
    dot = of_a_dot(height, width).astype(F64)[None]
    sums = g("Where", empty, g.real(dot), sums)
    m, y1, x1, y2, x2, xy = (_column(g, sums, i) for i in range(6))
    square = g("Mul", m, m)

    def covariance(ab: Name, a: Name, b: Name) -> Name:
        # Products of sums may leave the 53 bits of a float64: they are whole numbers here.
        left = g("Mul", g.cast(ab, np.int64), g.cast(m, np.int64))
        right = g("Mul", g.cast(a, np.int64), g.cast(b, np.int64))
        return g("Div", g.cast(g("Sub", left, right), F64), square)

    variance_y, variance_x = covariance(y2, y1, y1), covariance(x2, x1, x1)
    cross = covariance(xy, y1, x1)
    least = g.real(LEAST_VARIANCE)
    shear = g("Div", cross, g("Max", variance_y, least))
    upright = g("Sub", variance_x, g("Mul", shear, cross))
    scales = []
    for variance, mean, (low, high) in zip(
        (variance_y, upright), moments.spreads, SCALES, strict=True
    ):
        spread = g("Sqrt", g("Max", variance, least))
        scale = g("Sqrt", g("Div", spread, g.real(mean / ONE)))
        scale = g("Max", g("Min", scale, g.real(high)), g.real(low))
        scales.append(scale)

    def fixed(value: Name) -> Name:
        rounded = g("Round", g("Mul", value, g.real(float(ONE))))
        return g("Reshape", rounded, g.constant([-1, 1, 1]))

    dy = g.real((2 * np.arange(height) - (height - 1)).reshape(1, -1, 1))
    dx = g.real((2 * np.arange(width) - (width - 1)).reshape(1, 1, -1))
    two = g.real(2.0)

    def source(terms: list[tuple[Name, Name]], centre: Name) -> Name:
        total = g("Mul", *terms[0])
        for term in terms[1:]:
            total = g("Add", total, g("Mul", *term))
        return g("Add", g("Floor", g("Div", total, two)), centre)

    nothing = g.real(np.zeros((1, 1, 1)))
    at_y = source([(fixed(scales[0]), dy), (nothing, dx)], fixed(g("Div", y1, m)))
    sheared = fixed(g("Mul", shear, scales[0]))
    at_x = source([(sheared, dy), (fixed(scales[1]), dx)], fixed(g("Div", x1, m)))
    return _interpolated(g, x, at_y, at_x, moments.shape)


def _interpolated(g: Nodes, x: Name, at_y: Name, at_x: Name, shape: tuple[int, int, int]) -> Name:
    """Bilinear interpolation at (n, height, width) places in 16.16, weights of eight bits."""
    height, width, channels = shape
    one, eight = g.real(float(ONE)), g.real(256.0)

    def parts(at: Name) -> tuple[Name, Name]:
        whole = g("Floor", g("Div", at, one))
        rest = g("Floor", g("Div", g("Sub", at, g("Mul", whole, one)), eight))
        return whole, rest

    (top, v), (left, h) = parts(at_y), parts(at_x)
    flat = g("Reshape", x, g.constant([0, channels, height * width]))
    total = ""
    for a in (0, 1):
        for b in (0, 1):
            row = g("Add", top, g.real(float(a)))
            column = g("Add", left, g.real(float(b)))
            inside, places = g.real(1.0), []
            for place, size in ((row, height), (column, width)):
                clipped = g("Max", g("Min", place, g.real(size - 1.0)), g.real(0.0))
                inside = g("Mul", inside, g.cast(g("Equal", clipped, place), F64))
                places.append(clipped)
            index = g("Add", g("Mul", places[0], g.real(float(width))), places[1])
            index = g("Reshape", g.cast(index, np.int64), g.constant([-1, 1, height * width]))
            index = g("Expand", index, g.constant([1, channels, 1]))
            weight = g("Mul", v if a else g("Sub", eight, v), h if b else g("Sub", eight, h))
            weight = g("Reshape", g("Mul", weight, inside), g.constant([-1, 1, height * width]))
            term = g("Mul", g("GatherElements", flat, index, axis=2), weight)
            total = g("Add", total, term) if total else term
    half = g.real(ONE / 2)
    rounded = g("Floor", g("Div", g("Add", total, half), one))
    return g("Reshape", rounded, g.constant([-1, channels, height, width]))


def _pooled(g: Nodes, x: Name, bank: FilterBank) -> Name:
    """PortablePatches.features, with products of bytes as ConvInteger."""
    geometry, F = bank.geometry, len(bank.filters)
    window, channels = geometry.window, geometry.shape[2]
    places = geometry.places[0] * geometry.places[1]
    u = g.cast(x, np.uint8)

    def convolved(images: Name, weights: np.ndarray, zero: int) -> Name:
        """Whole numbers (n, filters, places) as float64; weights (filters, K) of bytes."""
        by_channel = weights.reshape(-1, window, window, channels).transpose(0, 3, 1, 2)
        found = g(
            "ConvInteger",
            images,
            g.constant(by_channel + zero, np.uint8),
            g.constant(0, np.uint8),
            g.constant(zero, np.uint8),
            strides=[geometry.stride, geometry.stride],
        )
        flat = g("Reshape", found, g.constant([0, len(weights), places]))
        return g.cast(flat, F64)

    K = geometry.patch_bytes
    ones = np.ones((1, K), np.int64)
    r = convolved(u, bank.filters.reshape(F, K).astype(np.int64), 128)
    total = convolved(u, ones, 0)
    # A square has two bytes: each is summed by itself.
    square, byte = g("Mul", x, x), g.real(256.0)
    high = g("Floor", g("Div", square, byte))
    low = g("Sub", square, g("Mul", high, byte))
    high, low = (convolved(g.cast(part, np.uint8), ones, 0) for part in (high, low))
    squares = g("Add", g("Mul", high, byte), low)
    spread = g("Sub", g("Mul", squares, g.real(float(K))), g("Mul", total, total))
    root = g("Sqrt", g("Add", spread, g.real(float(K * K * bank.flat))))
    factor = g("Floor", g("Div", g.real(float(bank.unit * K)), root))
    v = g("Mul", r, factor)

    cells = np.zeros((places, geometry.cells))
    for c, inside in enumerate(geometry.cell_places):
        cells[inside, c] = 1
    threshold = g.real(bank.thresholds.reshape(1, F, 1))
    zero = g.real(0.0)
    signs = []
    for s, signed in enumerate((v, g("Neg", v))):
        above = g("Max", g("Sub", signed, threshold), zero)
        S = g("Transpose", g("MatMul", above, g.real(cells)), perm=[0, 2, 1])
        scaled = g("Mul", g.cast(S, np.int64), g.constant(bank.scale[s].reshape(1, 1, F)))
        half = g.constant(2 ** (SCALE_BITS - 1))
        rounded = g("Div", g("Add", scaled, half), g.constant(2**SCALE_BITS))
        byte_of = g("Min", g.cast(rounded, F64), g.real(255.0))
        signs.append(g("Reshape", byte_of, g.constant([-1, geometry.cells, 1, F])))
    both = g("Concat", *signs, axis=2)
    return g("Reshape", both, g.constant([-1, bank.outputs]))


def _units(g: Nodes, first: Name, units: SignedUnits) -> Name:
    """PortableUnits.features; a Hadamard matrix is the Kronecker product of two small ones."""
    order = units.order
    high = 1 << (order.bit_length() // 2)
    left, right = (g.real(hadamard(size)) for size in (high, order // high))
    blocks = []
    for block, (places, flips) in enumerate(zip(units.places, units.flips, strict=True)):
        at, flip = np.zeros(order, np.int64), np.zeros(order)  # of places without an input: times 0
        at[places], flip[places] = np.arange(units.inputs), flips
        t = g("Mul", g("Gather", first, g.constant(at), axis=1), g.real(flip))
        square = g("Reshape", t, g.constant([-1, high, order // high]))
        sums = g("Reshape", g("MatMul", g("MatMul", left, square), right), g.constant([-1, order]))
        rows = units.rows[block * order : (block + 1) * order]
        blocks.append(g("Gather", sums, g.constant(rows), axis=1))
    z = g("Concat", *blocks, axis=1)
    shifted = g("Floor", g("Div", z, g.real(float(2**units.shift))))
    less = g("Sub", shifted, g.real(units.subtracted.reshape(1, -1)))
    return g("Min", g("Max", less, g.real(0.0)), g.real(255.0))


def _column(g: Nodes, sums: Name, i: int) -> Name:
    return g("Gather", sums, g.constant([i]), axis=1)
