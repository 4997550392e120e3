"""The compiled loops of feature maps around signed.py's micro-kernel: patches, units, and warps.

Like those of packing.py: machine code with a C interface, which knows no errors, holds no lock and
no state, and works in memory of the caller's. Any number of threads may call it for separate rows
with separate scratch memory.
"""
# mypy: disable-error-code="no-untyped-def"
# The types of what Numba compiles are in SIGNATURES, or follow from there.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

from ridge_spark.ridge.kernel.feature_program import SIGNATURES, TOGETHER
from ridge_spark.ridge.kernel.packing import C_TYPES
from ridge_spark.ridge.kernel.patches import SCALE_BITS
from ridge_spark.ridge.kernel.signed import (
    Operands,
    SignedProduct,
    emit_pooled,
)

HALF = 2 ** (SCALE_BITS - 1)


def compiled_functions(product: SignedProduct) -> dict[str, Any]:
    """Compile the functions of `SIGNATURES`; a division by zero is no error of Python's there."""
    return {
        source.__name__: cfunc(
            types.void(*(C_TYPES[kind] for kind in SIGNATURES[source.__name__])),
            error_model="numpy",
        )(source(product))
        for source in (patches, units, warp)
    }


@njit(error_model="numpy")
def contrast(source, numbers, column_sums, factor):
    """factor[2] of each place: ⌊unit K / √(K² (variance + flat))⌋; factor[:2] are the sums for it.

    The sum and the sum of squares of each patch come of columns as high as it, then of those.
    """
    across, window, run, down, along = numbers[1], numbers[3], numbers[4], numbers[5], numbers[6]
    step_down, step_along, flat, unit = numbers[7], numbers[8], numbers[9], numbers[10]
    K = window * run
    for a in range(down):
        for x in range(across):
            column_sums[0, x] = 0
            column_sums[1, x] = 0
        for y in range(a * step_down, a * step_down + window):
            for x in range(across):
                v = np.int32(source[y * across + x])
                column_sums[0, x] += v
                column_sums[1, x] += v * v
        total, square = factor[0, a * along :], factor[1, a * along :]
        for b in range(along):
            total[b] = 0
            square[b] = 0
        for j in range(run):
            for b in range(along):
                total[b] += column_sums[0, b * step_along + j]
                square[b] += column_sums[1, b * step_along + j]
    for p in range(down * along):
        s = np.int64(factor[0, p])
        spread = K * np.int64(factor[1, p]) - s * s  # K² times the variance
        deviation = np.sqrt(np.float64(spread + K * K * flat))
        factor[2, p] = np.int32(np.float64(unit * K) / deviation)


@njit(error_model="numpy")
def as_bytes(sums, scale, cells, outputs, found):
    """Pooled sums of each cell, scaled and rounded to at most 255."""
    for c in range(cells):
        for j in range(outputs):
            scaled = (sums[c * outputs + j] * scale[j] + HALF) >> SCALE_BITS
            found[c * outputs + j] = min(scaled, 255)


def patches(product: SignedProduct) -> Callable[..., None]:
    rows, width, flip = product.rows, product.width, np.uint8(product.flip)
    add_strip = _pooled(product)

    def patches(
        images, stride, geometry, steps_at, slots_at, slots, groups, filters, thresholds, scale,
        held, columns, factors, slot_factors, pooled, totals, apart, out, out_stride, first, last,
    ):  # fmt: skip
        """Filter responses of images first to last-1, pooled over cells, as bytes in `out`."""
        numbers = carray(geometry, (16,))
        height, across, line, down, along = (
            numbers[0], numbers[1], numbers[2], numbers[5], numbers[6]
        )  # fmt: skip
        steps, cells, F = numbers[11], numbers[12], numbers[13]
        blocks = (F + width - 1) // width
        group = carray(groups, (cells + 1,))
        n_slots = group[cells] * rows
        step_offset, slot_offset = carray(steps_at, (steps,)), carray(slots_at, (n_slots,))
        slot = carray(slots, (n_slots,))
        w = carray(filters, (blocks, steps * width * 4))
        threshold = carray(thresholds, (blocks * width,))
        scales = carray(scale, (2 * F,))
        image = carray(held, (height * line,))
        column_sums = carray(columns, (2, across))
        factor = carray(factors, (3, down * along))
        slot_factor = carray(slot_factors, (n_slots,))
        sums = carray(pooled, (2 * width,))

        for i in range(first, last):
            source = carray(images, (last, stride))[i]
            for y in range(height):
                for x in range(across):
                    image[y * line + x] = source[y * across + x] ^ flip

            contrast(source, numbers, column_sums, factor)
            for p in range(n_slots):
                slot_factor[p] = factor[2, slot[p]] if slot[p] >= 0 else 0

            result = carray(totals, (last * apart + 2 * cells * F,))[(i * apart) :]
            for block in range(blocks):
                f = block * width
                wide = min(width, F - f)
                for c in range(cells):
                    for j in range(2 * width):
                        sums[j] = 0
                    for g in range(group[c], group[c + 1]):
                        add_strip(
                            image, slot_offset[g * rows :], step_offset, w[block], steps,
                            slot_factor[g * rows :], threshold[f:], sums,
                        )  # fmt: skip
                    n = np.int32(rows * (group[c + 1] - group[c]))
                    upper, lower = result[(2 * c) * F + f :], result[(2 * c + 1) * F + f :]
                    for j in range(wide):
                        upper[j] = sums[j] - n * threshold[f + j]
                        lower[j] = -sums[width + j] - n * threshold[f + j]
            if out_stride:
                found = carray(out, (last, out_stride))[i]
                as_bytes(result, scales, cells, 2 * F, found)

    return patches


def units(product: SignedProduct) -> Callable[..., None]:
    def units(
        inputs, stride, d, places, flips, rows, subtracted, many, shift,
        held, held_stride, transformed, order, out, out_stride, first, last,
    ):  # fmt: skip
        """Clipped sums of inputs under signs for rows first to last-1, TOGETHER at a time."""
        u, result = carray(inputs, (last, stride)), carray(out, (last, out_stride))
        blocks = (many + order - 1) // order
        place, flip = carray(places, (blocks, d)), carray(flips, (blocks, d))
        row, less = carray(rows, (many,)), carray(subtracted, (many,))
        # A line for each image, not a power of 2 apart: in different sets of the cache.
        line, t = carray(held, (TOGETHER, held_stride)), carray(transformed, (order, TOGETHER))
        for top in range(first, last, TOGETHER):
            count = min(TOGETHER, last - top)
            for block in range(blocks):
                for k in range(count):
                    for i in range(d):
                        line[k, i] = u[top + k, i]
                for q in range(order):
                    for k in range(TOGETHER):
                        t[q, k] = 0
                for i in range(d):
                    at, sign = place[block, i], flip[block, i]
                    for k in range(TOGETHER):
                        t[at, k] = sign * np.int32(line[k, i])
                walsh_hadamard(t, order)
                begin = block * order
                wide = min(order, many - begin)
                for j in range(wide):
                    r, s = row[begin + j], less[begin + j]
                    for k in range(TOGETHER):
                        line[k, j] = min(max((t[r, k] >> shift) - s, 0), 255)
                for k in range(count):
                    for j in range(wide):
                        result[top + k, begin + j] = line[k, j]

    return units


@njit(error_model="numpy")
def walsh_hadamard(t, order):
    """Put H t for each column t of an array (order, TOGETHER) in its place, two bits at a time."""
    half = 1
    while 4 * half <= order:
        for start in range(0, order, 4 * half):
            for i in range(start, start + half):
                for k in range(TOGETHER):
                    a, b = t[i, k], t[i + half, k]
                    c, d = t[i + 2 * half, k], t[i + 3 * half, k]
                    t[i, k], t[i + half, k] = (a + b) + (c + d), (a - b) + (c - d)
                    t[i + 2 * half, k], t[i + 3 * half, k] = (a + b) - (c + d), (a - b) - (c - d)
        half *= 4
    if half < order:
        for i in range(half):
            for k in range(TOGETHER):
                a, b = t[i, k], t[i + half, k]
                t[i, k], t[i + half, k] = a + b, a - b


def warp(product: SignedProduct) -> Callable[..., None]:
    def warp(images, stride, height, width, channels, transforms, out, out_stride, first, last):
        """Each image through its affine map of 16.16 fixed point, by bilinear interpolation."""
        X, T = carray(images, (last, stride)), carray(transforms, (last, 6))
        result = carray(out, (last, out_stride))
        for i in range(first, last):
            for y in range(height):
                dy = 2 * y - (height - 1)
                for x in range(width):
                    dx = 2 * x - (width - 1)
                    at_y = ((T[i, 0] * dy + T[i, 1] * dx) >> 1) + T[i, 2]
                    at_x = ((T[i, 3] * dy + T[i, 4] * dx) >> 1) + T[i, 5]
                    top, left = at_y >> 16, at_x >> 16
                    v, h = (at_y >> 8) & 255, (at_x >> 8) & 255
                    for c in range(channels):
                        total = 0
                        for a in range(2):
                            for b in range(2):
                                if 0 <= top + a < height and 0 <= left + b < width:
                                    pixel = X[i, ((top + a) * width + left + b) * channels + c]
                                    weight = (v if a else 256 - v) * (h if b else 256 - h)
                                    total += np.int64(pixel) * weight
                        result[i, (y * width + x) * channels + c] = (total + 32768) >> 16

    return warp


def _pooled(product: SignedProduct) -> Any:
    """The micro-kernel with its pooling, as a function that Numba code can call on views."""

    @intrinsic
    def pooled(typing_context, base, rows, steps_at, weights, steps, factors, thresholds, sums):
        def generate(context, builder, signature, arguments):
            at = _addresses(context, builder, signature, arguments)
            operands = Operands(at[0], at[1], at[2], at[3], at[4])
            emit_pooled(builder, product, operands, at[5], at[6], at[7])
            return context.get_dummy_value()

        views = base, rows, steps_at, weights, types.intp, factors, thresholds, sums
        return types.void(*views), generate

    return pooled


def _addresses(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Of views, where their data are; numbers as they are."""
    return [
        context.make_array(kind)(context, builder, x).data if isinstance(kind, types.Array) else x
        for kind, x in zip(signature.args, arguments, strict=True)
    ]
