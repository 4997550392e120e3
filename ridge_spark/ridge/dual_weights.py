"""From the dual side back to pixels: W = Xc'α by one pass, of the same bits anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import ceil, frexp, log2

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.threads import blas_threads, parallel_ranges

EXACT_BITS = 53  # of the integers that float64 holds
BYTE_BITS = 8
PIXELS_AT_ONCE = 2048


@dataclass(frozen=True)
class IntegerAlpha:
    """α (k, n) as integers: α ≈ 2^(exponent - bits) (high + 2^-bits low).

    With |high|, |low| ≤ 2^bits and n 2^(bits + 8) ≤ 2^53, every sum of products with n bytes is an
    integer that float64 holds: BLAS adds them without rounding, in any order and any parts. Both
    together keep 2 bits ≥ 54 binary digits, so that α loses nothing of what it had to lose.
    Ozaki, Ogita, Oishi and Rump, Numerical Algorithms 59 (2012).
    """

    parts: Float  # (2, k, n), integers: high and low
    bits: int
    exponent: int

    @classmethod
    def of(cls, alpha: Float) -> IntegerAlpha:
        bits = EXACT_BITS - BYTE_BITS - ceil(log2(alpha.shape[1]))
        exponent = frexp(float(np.abs(alpha).max(initial=0.0)))[1]
        scaled = np.ldexp(alpha, bits - exponent)
        high = np.rint(scaled)
        return cls(np.stack([high, np.rint(np.ldexp(scaled - high, bits))]), bits, exponent)

    def weights(self, sums: Float, totals: NDArray[np.int64]) -> Float:
        """W (k, d) from the `sums` (2, k, d) of α's parts times X, and column sums of X (d,).

        With A the sum of a part of α over the images, the part of W is Σ α x - A (Σ x) / n, an
        integer and a fraction; of a pixel that is the same in all images exactly 0.
        """
        _, k, n = self.parts.shape
        of_alpha = self.parts.sum(axis=2).astype(np.int64)  # n at most, or so: α adds up to 0
        W = np.empty(sums.shape[1:])
        for i in range(k):  # each needs some memory of its own
            quotient, remainder = np.divmod(of_alpha[:, i, None] * totals, n)
            high, low = sums[:, i] - quotient - remainder / n
            W[i] = np.ldexp(high + np.ldexp(low, -self.bits), self.exponent - self.bits)
        return W


def weighted_sums(
    blocks: Iterable[Block], *, rows: Float, classes: int, d: int, threads: int
) -> Float:
    """Σ over images of `rows` (m, n) times pixels, then of each class: (m + classes, d) float64.

    All are integers, without rounding: they add up over any parts of the blocks.
    """
    m = len(rows)
    sums = np.zeros((m + classes, d))
    for block in blocks:
        mine = slice(block.first_row, block.first_row + len(block.labels))
        one_hot = np.arange(classes)[:, None] == block.labels
        left = np.concatenate([rows[:, mine], one_hot])

        def add(first: int, last: int, block: Block = block, left: Float = left) -> None:
            for start in range(first, last, PIXELS_AT_ONCE):
                pixels = slice(start, min(start + PIXELS_AT_ONCE, last))
                sums[:, pixels] += left @ block.images[:, pixels].astype(np.float64)

        with blas_threads(1):
            parallel_ranges(add, d, threads)
    return sums


@dataclass(frozen=True)
class WeightsOfPixels:
    """`coef` (k, d) and `intercept` (k,) of a model, and the class sums (k, d) of its images."""

    coef: Float
    intercept: Float
    sums: NDArray[np.int64]


def weights_task(alpha: IntegerAlpha, classes: int, d: int) -> partial[Float]:
    """What to do with blocks for `finish_weights`, which takes the sum over all of them."""
    rows = alpha.parts.reshape(-1, alpha.parts.shape[2])
    return partial(weighted_sums, rows=rows, classes=classes, d=d)


def finish_weights(alpha: IntegerAlpha, sums: Float, target_mean: Float) -> WeightsOfPixels:
    """The weights from what `weights_task` has summed up."""
    _, k, n = alpha.parts.shape
    of_classes = sums[2 * k :].astype(np.int64)
    totals = of_classes.sum(axis=0)
    coef = alpha.weights(sums[: 2 * k].reshape(2, k, -1), totals)
    with blas_threads(1):
        intercept = target_mean - coef @ (totals / n)
    return WeightsOfPixels(coef, intercept, of_classes)
