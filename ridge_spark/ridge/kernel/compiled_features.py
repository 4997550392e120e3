"""Feature maps by the compiled loops: what they need laid out for them, and threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.kernel.feature_program import FEATURES, TOGETHER
from ridge_spark.ridge.kernel.native import load_program
from ridge_spark.ridge.kernel.patches import FilterBank, SignedUnits
from ridge_spark.ridge.kernel.signed import SignedProduct
from ridge_spark.ridge.threads import parallel_ranges

SLACK = 64  # bytes that may be read beyond an image or a row, for nothing
SMALL = 8  # images that one thread has mapped before another would have started


@dataclass(frozen=True)
class FeatureKernel:
    """The loops of feature_loops.py in machine code for one `product`."""

    product: SignedProduct
    engine: Any
    patches: Callable[..., None]
    units: Callable[..., None]
    warp: Callable[..., None]

    @classmethod
    def load(cls, product: SignedProduct) -> FeatureKernel:
        engine, functions = load_program(FEATURES, product)
        return cls(product, engine, **functions)


class CompiledPatches:
    """`pooled` and `features` of images by a filter bank.

    The places of each cell are cut into groups of as many as the micro-kernel has rows. Slots of
    the last group that no place fills have the contrast 0, so that nothing comes of them.
    """

    def __init__(self, kernel: FeatureKernel, bank: FilterBank) -> None:
        self.kernel, self.bank = kernel, bank
        product, geometry = kernel.product, bank.geometry
        height, width, channels = geometry.shape
        down, along = geometry.places
        across, line, run = width * channels, width * channels + SLACK // 4, geometry.run
        padded_run = -(-run // 4) * 4
        i, j = np.mgrid[: geometry.window, :padded_run:4]
        self.steps_at = (i * line + j).ravel()
        steps = len(self.steps_at)
        slots, groups = [], [0]
        for places in geometry.cell_places:
            missing = -len(places) % product.rows
            slots.append(np.pad(places, (0, missing), constant_values=-1))
            groups.append(groups[-1] + len(slots[-1]) // product.rows)
        self.slots = np.concatenate(slots).astype(np.int32)
        self.groups = np.array(groups, np.int32)
        y, x = np.divmod(self.slots.clip(0).astype(np.int64), along)
        stride = geometry.stride
        self.slots_at = y * stride * line + x * stride * channels
        F = len(bank.filters)
        self.filters = _packed(
            np.pad(bank.filters, ((0, 0), (0, 0), (0, padded_run - run))).reshape(F, -1), product
        )
        self.thresholds = _padded(bank.thresholds, product.width)
        self.numbers = np.array(
            [height, across, line, geometry.window, run, down, along, stride, stride * channels,
             bank.flat, bank.unit, steps, geometry.cells, F, 0, 0],
            np.int64,
        )  # fmt: skip

    def pooled(self, images: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.int32]:
        """S of the images (n, d); (n, cells, 2, F)."""
        totals = np.empty((len(images), self.bank.outputs), np.int32)
        self._run(images, totals, self.bank.outputs, np.empty((1, 1), np.uint8), 0, threads)
        return totals.reshape(len(images), self.bank.geometry.cells, 2, -1)

    def features(
        self, images: NDArray[np.uint8], out: NDArray[np.uint8], *, threads: int = 1
    ) -> None:
        """Write the bytes of the images (n, d) to out (n, cells · 2 F)."""
        self._run(images, None, 0, out, out.strides[0], threads)

    def _run(
        self,
        images: NDArray[np.uint8],
        totals: NDArray[np.int32] | None,
        apart: int,
        out: NDArray[np.uint8],
        out_stride: int,
        threads: int,
    ) -> None:
        images = _with_rows(images)
        product, bank = self.kernel.product, self.bank
        height, across, line = (int(x) for x in self.numbers[:3])
        down, along = bank.geometry.places

        def work(first: int, last: int) -> None:
            self.kernel.patches(
                images, images.strides[0], self.numbers, self.steps_at, self.slots_at, self.slots,
                self.groups, self.filters, self.thresholds, bank.scale,
                np.zeros(height * line + SLACK, np.uint8), np.empty((2, across), np.int32),
                np.empty((3, down * along), np.int32), np.empty(len(self.slots), np.int32),
                np.empty((2, product.width), np.int32),
                np.empty(bank.outputs, np.int32) if totals is None else totals, apart,
                out, out_stride, first, last,
            )  # fmt: skip

        parallel_ranges(work, len(images), min(threads, -(-len(images) // SMALL)))


class CompiledUnits:
    """`features` of inputs by random signs."""

    def __init__(self, kernel: FeatureKernel, units: SignedUnits) -> None:
        self.kernel, self.units = kernel, units

    def features(
        self, inputs: NDArray[np.uint8], out: NDArray[np.uint8], *, threads: int = 1
    ) -> None:
        """Write the bytes of the inputs (n, d) to out (n, M)."""
        inputs = _with_rows(inputs)
        units = self.units
        stride = units.order + SLACK

        def work(first: int, last: int) -> None:
            self.kernel.units(
                inputs, inputs.strides[0], units.inputs, units.places, units.flips, units.rows,
                units.subtracted, units.outputs, units.shift,
                np.zeros((TOGETHER, stride), np.uint8), stride,
                np.empty((units.order, TOGETHER), np.int32), units.order,
                out, out.strides[0], first, last,
            )  # fmt: skip

        parallel_ranges(work, len(inputs), min(threads, -(-len(inputs) // TOGETHER)))


def warp(
    kernel: FeatureKernel,
    images: NDArray[np.uint8],
    shape: tuple[int, int, int],
    transforms: NDArray[np.int64],
    *,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Each image through its affine map about the centre, bilinear; as in feature_loops.warp."""
    images = _with_rows(images)
    out = np.empty(images.shape, np.uint8)

    def work(first: int, last: int) -> None:
        kernel.warp(
            images, images.strides[0], *shape, transforms, out, out.strides[0], first, last
        )  # fmt: skip

    parallel_ranges(work, len(images), min(threads, -(-len(images) // SMALL)))
    return out


def _packed(rows: NDArray[np.int8], product: SignedProduct) -> NDArray[np.int8]:
    """(F, K), K a multiple of 4, as (blocks, steps, WIDTH, 4): a lane's four weights together."""
    whole = np.pad(rows, ((0, -len(rows) % product.width), (0, 0)))
    steps = rows.shape[1] // 4
    return np.ascontiguousarray(whole.reshape(-1, product.width, steps, 4).transpose(0, 2, 1, 3))


def _padded(numbers: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    return np.pad(numbers, (0, -len(numbers) % width))


def _with_rows(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same with each row's bytes together."""
    if images.strides[1] != 1 or images.strides[0] < images.shape[1]:
        return np.array(images, order="C")
    return images
