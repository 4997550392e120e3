"""Every kernel makes of images what the formulas say, number by number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ridge_spark.ridge.kernel import portable_features
from ridge_spark.ridge.kernel.choose import feature_kernel
from ridge_spark.ridge.kernel.patches import FilterBank, PatchGeometry, SignedUnits, order_for

# shape, window, stride, grid, filters
GEOMETRIES = {
    "digits": ((28, 28, 1), 7, 1, (4, 4), 32),
    "colours": ((10, 9, 3), 5, 1, (2, 3), 48),
    "tiny": ((6, 5, 1), 3, 2, (2, 1), 16),
    "strides": ((20, 31, 2), 7, 3, (2, 4), 80),
    "one place": ((7, 7, 1), 7, 1, (1, 1), 16),
}


def some_bank(name: str, seed: int = 1) -> FilterBank:
    shape, window, stride, grid, F = GEOMETRIES[name]
    random = np.random.default_rng(seed)
    geometry = PatchGeometry(shape, window, stride, grid)
    filters = random.integers(-64, 65, (F, window, geometry.run)).astype(np.int8)
    return FilterBank(
        geometry,
        filters,
        random.integers(0, 30_000, F).astype(np.int32),
        random.integers(0, 2**28, (2, F)).astype(np.int64),
        unit=2**8,
        flat=10,
    )


def some_images(count: int, bank: FilterBank) -> NDArray[np.uint8]:
    d = math.prod(bank.geometry.shape)
    images = np.random.default_rng(3).integers(0, 256, (count, d), dtype=np.uint8)
    images[0], images[1] = 0, 255  # no contrast at all
    return images


def formula(image: NDArray[np.uint8], bank: FilterBank) -> NDArray[np.int64]:
    """S of one image, (cells, 2, F), as patches.py has it, with Python's own integers."""
    g = bank.geometry
    height, width, channels = g.shape
    whole = image.reshape(height, width * channels).astype(np.int64)
    K = g.window * g.run
    v = []
    for y in range(0, height - g.window + 1, g.stride):
        for x in range(0, width - g.window + 1, g.stride):
            patch = whole[y : y + g.window, x * channels : x * channels + g.run]
            square, total = int((patch**2).sum()), int(patch.sum())
            root = math.sqrt(K * square - total**2 + K * K * bank.flat)
            factor = math.floor(bank.unit * K / root)
            v.append((bank.filters.astype(np.int64) * patch).sum(axis=(1, 2)) * factor)
    found = np.zeros((g.cells, 2, len(bank.filters)), np.int64)
    for c, places in enumerate(g.cell_places):
        for p in places:
            found[c, 0] += np.maximum(v[p] - bank.thresholds, 0)
            found[c, 1] += np.maximum(-v[p] - bank.thresholds, 0)
    return found


def patches_at_work(bank: FilterBank):
    kernel = feature_kernel()
    if kernel is None:
        return portable_features.PortablePatches(bank)
    from ridge_spark.ridge.kernel.compiled_features import CompiledPatches

    return CompiledPatches(kernel, bank)


def units_at_work(units: SignedUnits):
    kernel = feature_kernel()
    if kernel is None:
        return portable_features.PortableUnits(units)
    from ridge_spark.ridge.kernel.compiled_features import CompiledUnits

    return CompiledUnits(kernel, units)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_pooled_responses(kernel: str, name: str) -> None:
    bank = some_bank(name)
    images = some_images(5, bank)
    expected = np.array([formula(image, bank) for image in images])
    assert np.array_equal(patches_at_work(bank).pooled(images, threads=2), expected)


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("threads", [1, 3])
def test_features_of_patches(kernel: str, name: str, threads: int) -> None:
    bank = some_bank(name)
    images = some_images(40, bank)
    S = np.array([formula(image, bank) for image in images[:6]])
    expected = np.minimum((S * bank.scale + 2**31) >> 32, 255).reshape(6, -1)
    room = np.full((40, bank.outputs + 9), 7, np.uint8)
    patches_at_work(bank).features(images, room[:, 4:-5], threads=threads)
    assert np.array_equal(room[:6, 4:-5], expected)
    assert (room[:, :4] == 7).all()
    assert (room[:, -5:] == 7).all()
    portable = np.empty((40, bank.outputs), np.uint8)
    portable_features.PortablePatches(bank).features(images, portable)
    assert np.array_equal(room[:, 4:-5], portable)


@pytest.mark.parametrize("d", [1, 2, 4, 37, 128, 515])
@pytest.mark.parametrize("count", [16, 48, 80])
@pytest.mark.parametrize("n", [1, 15, 33])
def test_units(kernel: str, d: int, count: int, n: int) -> None:
    random = np.random.default_rng(d)
    order = order_for(d)
    blocks = -(-count // order)
    rows = random.integers(0, order, count)
    units = SignedUnits(
        np.array([random.permutation(order)[:d] for _ in range(blocks)], np.int32),
        random.choice([-1, 1], (blocks, d)).astype(np.int32),
        rows.astype(np.int32),
        3,
        random.integers(-30, 30, count).astype(np.int32),
    )
    inputs = random.integers(0, 256, (n, d), dtype=np.uint8)
    if n > 1:
        inputs[1] = 255  # the largest sums there can be
    z = np.zeros((n, count), np.int64)
    for j, row in enumerate(rows.tolist()):
        for i in range(d):
            shared = (row & int(units.places[j // order, i])).bit_count()
            sign = int(units.flips[j // order, i]) * (-1) ** shared
            z[:, j] += sign * inputs[:, i].astype(np.int64)
    expected = ((z >> 3) - units.subtracted).clip(0, 255)
    room = np.full((n, count + 8), 7, np.uint8)
    units_at_work(units).features(inputs, room[:, 3:-5], threads=3)
    assert np.array_equal(room[:, 3:-5], expected)
    assert (room[:, :3] == 7).all()
    assert (room[:, -5:] == 7).all()


def test_extreme_bytes(kernel: str) -> None:
    """The largest sums there can be: nothing saturates, nothing overflows."""
    geometry = PatchGeometry((9, 9, 1), 9, 1, (1, 1))
    filters = np.full((16, 9, 9), 64, np.int8)
    filters[8:] = -64
    bank = FilterBank(
        geometry, filters, np.zeros(16, np.int32), np.ones((2, 16), np.int64), 2**8, flat=1
    )
    images = np.full((2, 81), 255, np.uint8)
    images[1, ::2] = 0
    expected = np.array([formula(image, bank) for image in images])
    assert np.array_equal(patches_at_work(bank).pooled(images), expected)


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 14, 3), (1, 1, 1)])
def test_warps(kernel: str, shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (30, math.prod(shape)), dtype=np.uint8)
    transforms = random.integers(-90_000, 90_000, (30, 6))
    expected = portable_features.warp(images, shape, transforms)
    loaded = feature_kernel()
    if loaded is not None:
        from ridge_spark.ridge.kernel.compiled_features import warp

        assert np.array_equal(warp(loaded, images, shape, transforms, threads=2), expected)
    stay = np.array([[2**16, 0, (shape[0] - 1) << 15, 0, 2**16, (shape[1] - 1) << 15]] * 30)
    assert np.array_equal(portable_features.warp(images, shape, stay), images)
