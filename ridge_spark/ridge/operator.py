"""Xc'Xc as an operator: its products with vectors, from the images alone, with no matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.blocks import Block, counted
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.statistics import Int64, sha256_of
from ridge_spark.ridge.threads import parallel_map

PANEL_BYTES = 2**23  # of float64 pixels: what a thread converts at a time
WHOLE_BITS = 62  # of int64, for sums in fixed point


@dataclass(frozen=True)
class Moments:
    """What one pass finds out of images: exact, and the same however they are divided.

    counts (k,) images of each class    sums (k, d) of their pixels    squares (d,) of all pixels
    """

    counts: Int64
    sums: Int64
    squares: Int64

    @classmethod
    def of(cls, row: Int64, classes: int) -> Moments:
        """From their row of numbers, as `group_moments` returns it."""
        d = (len(row) - classes) // (classes + 1)
        counts, sums, squares = np.split(row, [classes, classes + classes * d])
        return cls(counts, sums.reshape(classes, d), squares)

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def pixel_sums(self) -> Int64:
        return self.sums.sum(axis=0)

    def sha256(self) -> str:
        """SHA-256 over (classes, d), then counts, sums and squares, as little-endian int64."""
        return sha256_of(self.sums.shape, self.counts, self.sums, self.squares)


def group_moments(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, *, threads: int = 1
) -> Int64:
    """The numbers of the `Moments` of each group of images, (groups, classes + classes d + d)."""
    found = np.zeros((folds.groups, classes + classes * d + d), np.int64)

    def of_block(block: Block) -> Int64:
        mine = np.zeros_like(found)
        for images, labels, groups in counted(block, folds):
            for group, label in np.unique(np.stack([groups, labels]), axis=1).T:
                _add_moments(mine[group], images[(groups == group) & (labels == label)], label, d)
        return mine

    for each in parallel_map(of_block, blocks, threads):
        found += each
    return found


def _add_moments(row: Int64, images: NDArray[np.uint8], label: int, d: int) -> None:
    """Add images of one class to the numbers of their group's moments."""
    classes = (len(row) - d) // (d + 1)
    row[label] += len(images)
    sums = row[classes + label * d : classes + (label + 1) * d]
    squares = row[classes + classes * d :]
    for panel in _panels(images):
        whole = panel.astype(np.int64)
        sums += whole.sum(axis=0)
        squares += np.einsum("ij,ij->j", whole, whole)


@dataclass(frozen=True)
class OperatorSystem:
    """The right-hand side and the sizes of the normal equations whose matrix is an operator.

    As in `CentredSystem`, for the `n` images of `moments`; `offset` is what is taken from each
    pixel before anything is multiplied: its mean over all images, rounded, so that what is left to
    correct is small.

        cross  = Xc'Yc  (k, d)      constant  (d,) True for pixels that are 0 once centred
    """

    n: int
    offset: Int64  # (d,)
    rest: Float  # (d,) sums of what is left of each pixel
    cross: Float
    constant: NDArray[np.bool_]
    squares: Float  # (d,) the diagonal of (X - offset)'(X - offset)
    mean: Float
    target_mean: Float

    @classmethod
    def of(cls, moments: Moments, offset: Int64) -> OperatorSystem:
        n, counts = moments.n, moments.counts
        rest = moments.pixel_sums - n * offset
        squares = moments.squares - offset * (2 * moments.pixel_sums - n * offset)
        whole = moments.sums - np.outer(counts, offset)
        cross = 2.0 * (whole - np.outer(counts, rest) / n)
        constant = squares * n == rest * rest
        cross[:, constant] = 0
        return cls(
            n=n,
            offset=offset,
            rest=rest.astype(np.float64),
            cross=cross,
            constant=constant,
            squares=squares.astype(np.float64),
            mean=moments.pixel_sums / n,
            target_mean=(2 * counts - n) / n,
        )

    @property
    def scale(self) -> float:
        """A power of two by which products with vectors of length 1 fit `WHOLE_BITS` bits.

        With Z = X - offset, |z_j'(Zp)| ≤ ‖z_j‖ ‖Z‖_F for ‖p‖ = 1.
        """
        largest = np.sqrt(self.squares.max(initial=0.0) * self.squares.sum()) or 1.0
        return float(2.0 ** (WHOLE_BITS - np.ceil(np.log2(largest)) - 1))

    def task(self, P: Float, folds: Folds, without: int | None) -> Callable[..., Any]:
        """What sums up Z'(ZP') in fixed point over blocks: all images, or all but a group's."""
        return partial(
            _products, P=P, offset=self.offset, scale=self.scale, folds=folds, without=without
        )

    def centred(self, summed: Int64, P: Float) -> Float:
        """P Xc'Xc (m, d), of the sum over all blocks."""
        found = summed / self.scale
        found -= np.outer(P @ self.rest / self.n, self.rest)
        found[:, self.constant] = 0
        return found

    def to_pixels(self, W: Float) -> tuple[Float, Float]:
        """`coef` (..., k, d), W itself, and `intercept` (..., k)."""
        return W, self.target_mean - W @ self.mean


class Operator(Protocol):
    """The matrix Xc'Xc, known by its products alone."""

    def product(self, P: Float) -> Float:
        """P Xc'Xc for rows P (m, d) of length 1."""

    def agree(self, array: NDArray[Any]) -> NDArray[Any]:
        """`array`, of one place where several compute the same: so that all do the next step."""


def _products(
    blocks: Iterable[Block],
    *,
    P: Float,
    offset: Int64,
    scale: float,
    folds: Folds,
    without: int | None,
    threads: int,
) -> Int64:
    """Z'(ZP') in fixed point, (m, d).

    Each block's is a float64 that is the same wherever it is computed, since one thread does it in
    the same panels; rounded to a whole multiple of 1 / scale, they add up exactly, in any order.
    """
    P = np.ascontiguousarray(P)

    def of_block(block: Block) -> Int64:
        total = np.zeros_like(P)
        for images, _, groups in counted(block, folds):
            for panel in _panels(images if without is None else images[groups != without]):
                Z = np.subtract(panel, offset, dtype=np.float64)
                total += (P @ Z.T) @ Z
        return np.rint(total * scale).astype(np.int64)

    summed = np.zeros(P.shape, np.int64)
    for each in parallel_map(of_block, blocks, threads):
        summed += each
    return summed


def _panels(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    rows = max(1, PANEL_BYTES // (8 * max(1, images.shape[1])))
    return [images[start : start + rows] for start in range(0, len(images), rows)]
