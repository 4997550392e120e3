"""Packing and blocking: the compiled loops around the micro-kernel.

An image is a row of pixels; the micro-kernel wants *panels*, in which one 32-bit lane holds a pixel
of four images (micro.py has the picture):

    images                                    panels[p, step, lane], with column = p*WIDTH + lane

    row 4s     x0 ...                          lane = x0 + x1·2^8 + x2·2^16 + x3·2^24
    row 4s+1   x1 ...         pack
    row 4s+2   x2 ...      ---------->         so that its four bytes in memory are x0 x1 x2 x3
    row 4s+3   x3 ...

Rows that are missing from the last four, and columns that are missing from the last panel, stay
zero and add nothing. X'X is then one tile for each pair of panels (p, q) with p <= q. All tiles
cost the same, so that threads share them out evenly by their number, and each tile's sums lie
together in memory, `partial[t]`, of no use to other threads.

These functions are compiled by Numba to machine code with a C interface. They know no errors: the
caller answers for shapes. They hold no lock and no state: any number of threads may call them, for
separate panels, columns or tiles.
"""
# mypy: disable-error-code="no-untyped-def"
# The types of what Numba compiles are in SIGNATURES, or follow from there.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

from ridge_spark.ridge.kernel.gram_program import SIGNATURES
from ridge_spark.ridge.kernel.micro import DotProduct, emit_interleave, emit_strip

C_TYPES = {
    "size": types.intp,
    "uint8*": types.CPointer(types.uint8),
    "int8*": types.CPointer(types.int8),
    "uint32*": types.CPointer(types.uint32),
    "int32*": types.CPointer(types.int32),
    "int64*": types.CPointer(types.int64),
    "uint64*": types.CPointer(types.uint64),
}


def compiled_functions(product: DotProduct) -> dict[str, Any]:
    """Compile the functions of `SIGNATURES` for panels as `product` wants them."""
    sources = (pack, class_sums, multiply, flush, complete)
    return {
        source.__name__: cfunc(
            types.void(*(C_TYPES[kind] for kind in SIGNATURES[source.__name__]))
        )(source(product))
        for source in sources
    }


def pack(product: DotProduct) -> Callable[..., None]:
    width = product.width
    interleave = _interleave(product)

    def pack(images, stride, rows, count, columns, panels, steps, step, first, last):
        """Pack the images with the numbers `rows` into panels first to last-1, from `step` on."""
        X = carray(images, (1, stride))
        row = carray(rows, (count,))
        lanes = carray(panels, (last, steps, width))
        for i in range(0, count, 4):
            for p in range(first, last):
                start = p * width
                here = lanes[p, step + i // 4]
                if i + 4 <= count and start + width <= columns:
                    interleave(
                        X[row[i], start:],
                        X[row[i + 1], start:],
                        X[row[i + 2], start:],
                        X[row[i + 3], start:],
                        here,
                    )
                else:
                    for j in range(min(width, columns - start)):
                        here[j] = 0
                        for r in range(min(4, count - i)):
                            here[j] |= np.uint32(X[row[i + r], start + j]) << np.uint32(8 * r)

    return pack


def class_sums(product: DotProduct) -> Callable[..., None]:
    def class_sums(images, stride, rows, count, labels, sums, classes, columns, first, last):
        """Add the images with the numbers `rows` to their classes, in columns first to last-1."""
        X = carray(images, (1, stride))
        row = carray(rows, (count,))
        label = carray(labels, (1,))
        total = carray(sums, (classes, columns))
        for i in range(count):
            pixels, mine = X[row[i], first:last], total[label[row[i]], first:last]
            for j in range(last - first):
                mine[j] += pixels[j]

    return class_sums


def multiply(product: DotProduct) -> Callable[..., None]:
    width, rows = product.width, product.rows
    add_strip = _strip(product)

    def multiply(panels, count, steps, used, tiles, partial, first, last):
        """partial[t] += left'right over the `used` first steps, for tiles first to last-1."""
        lanes = carray(panels, (count, steps, width))
        pairs = carray(tiles, (last, 2))
        sums = carray(partial, (last, width, width))
        for t in range(first, last):
            left, right = lanes[pairs[t, 0]], lanes[pairs[t, 1]]
            for row in range(0, width, rows):
                add_strip(left[:, row:], right, used, sums[t, row:])

    return multiply


def _widened(product: DotProduct) -> Any:
    """A 32-bit sum as an integer: with an offset it may be below zero, without it never is."""
    signed = product.offset != 0

    @njit
    def widened(x):
        return np.int64(x) if signed else np.int64(np.uint32(x))

    return widened


def flush(product: DotProduct) -> Callable[..., None]:
    width, widened = product.width, _widened(product)

    def flush(tiles, partial, gram, height, columns, first_right, first, last):
        """Move the 32-bit sums of tiles first to last-1 to their place in the 64-bit `gram`."""
        pairs = carray(tiles, (last, 2))
        sums = carray(partial, (last, width, width))
        total = carray(gram, (height, columns))
        for t in range(first, last):
            top, left = pairs[t, 0] * width, (pairs[t, 1] - first_right) * width
            for i in range(min(width, height - top)):
                for j in range(min(width, columns - left)):
                    total[top + i, left + j] += widened(sums[t, i, j])
            sums[t] = 0

    return flush


def complete(product: DotProduct) -> Callable[..., None]:
    width, widened = product.width, _widened(product)

    def complete(
        tiles, partial, correction, gram, height, columns, first_right, symmetric, first, last
    ):
        """Like `flush`, for the last time: with the `correction` of each row, and mirrored."""
        pairs = carray(tiles, (last, 2))
        sums = carray(partial, (last, width, width))
        rest = carray(correction, (height,))
        total = carray(gram, (height, columns))
        for t in range(first, last):
            top, left = pairs[t, 0] * width, (pairs[t, 1] - first_right) * width
            h, w = min(width, height - top), min(width, columns - left)
            for i in range(h):
                for j in range(w):
                    total[top + i, left + j] += widened(sums[t, i, j]) + rest[top + i]
            if symmetric and top != left:
                for j in range(w):
                    for i in range(h):
                        total[left + j, top + i] = total[top + i, left + j]

    return complete


def _interleave(product: DotProduct) -> Any:
    """One full step of a panel, as a function that Numba code can call on views."""

    @intrinsic
    def interleave(typing_context, x0, x1, x2, x3, lanes):
        def generate(context, builder, signature, arguments):
            *pixels, packed = (
                context.make_array(kind)(context, builder, argument).data
                for kind, argument in zip(signature.args, arguments, strict=True)
            )
            emit_interleave(builder, product, pixels, packed)
            return context.get_dummy_value()

        return types.void(x0, x1, x2, x3, lanes), generate

    return interleave


def _strip(product: DotProduct) -> Any:
    """The micro-kernel, as a function that Numba code can call on views of panels and a tile."""

    @intrinsic
    def add_strip(typing_context, left, right, steps, tile):
        def generate(context, builder, signature, arguments):
            def address(i: int) -> Any:
                return context.make_array(signature.args[i])(context, builder, arguments[i]).data

            emit_strip(builder, product, address(0), address(1), arguments[2], address(3))
            return context.get_dummy_value()

        return types.void(left, right, types.intp, tile), generate

    return add_strip
