"""Filters that are whitened patches of the sampled images, and the thresholds of their responses.

Each patch is made free of its mean and of its contrast; with C the covariance of all of them, its
eigenvalues e and their mean ē, a filter is (C + ε ē I)^-1 z of a patch z: the patch whitened, and
whitened again, since what it will be multiplied with is whitened too (ZCA; Coates and Ng, 2012).
Rounded to whole numbers that add up to exactly zero, so that light does not matter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.features.jacobi import symmetric_eigen
from ridge_spark.features.sample import Sample
from ridge_spark.ridge.folds import splitmix64
from ridge_spark.ridge.kernel.patches import PatchGeometry

PATCHES_OF_AN_IMAGE = 12
FLAT = 10  # variance of a patch that is taken for noise
CONTRAST_UNIT = 2**14  # of the patches that filters are made from
EPSILON = 1.0
LARGEST = 60  # of the weights, before they are made to add up to zero; they stay below 64
QUANTILE = 0.999  # of their sizes, that becomes the largest


def whitened_filters(sample: Sample, geometry: PatchGeometry, count: int) -> NDArray[np.int8]:
    """`count` filters (count, window, run) from the patches of the sample."""
    patches, keys = _patches(sample, geometry)
    K = geometry.patch_bytes
    total = patches.sum(axis=1)
    spread = K * (patches * patches).sum(axis=1) - total * total
    kept = spread > K * K * FLAT
    patches, keys, total, spread = patches[kept], keys[kept], total[kept], spread[kept]
    if len(patches) < count:
        raise InputError(
            f"--features: {len(patches)} patches of the sampled images have any contrast, too few "
            f"for {count} filters; ask for fewer, or choose units or pixels"
        )
    deviation = np.sqrt((spread + K * K * FLAT).astype(np.float64))
    factor = (float(CONTRAST_UNIT * K) / deviation).astype(np.int64)
    z = (K * patches - total[:, None]) * factor[:, None] // CONTRAST_UNIT
    floats = z.astype(np.float64)
    gram = floats.T @ floats  # whole numbers below 2^53: exact, in whatever order
    chosen = floats[np.argsort(keys, kind="stable")[:count]]
    return _rounded(_whitened(chosen, gram / len(z))).reshape(count, geometry.window, -1)


def _patches(
    sample: Sample, geometry: PatchGeometry
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Some patches of each sampled image (n, K), and their hashes: from those come their places."""
    _, width, channels = geometry.shape
    down, along = geometry.places
    number = np.arange(PATCHES_OF_AN_IMAGE, dtype=np.uint64)
    keys = splitmix64(sample.keys[:, None] ^ (number + np.uint64(1)))
    y = (keys >> np.uint64(8)) % np.uint64(down)
    x = (keys >> np.uint64(36)) % np.uint64(along)
    corner = (y * np.uint64(width) + x) * np.uint64(geometry.stride * channels)
    i, j = np.mgrid[: geometry.window, : geometry.run]
    inside = (i * width * channels + j).ravel()
    places = corner.astype(np.int64)[:, :, None] + inside
    patches = np.take_along_axis(sample.images, places.reshape(len(keys), -1), axis=1)
    return patches.reshape(-1, geometry.patch_bytes).astype(np.int64), keys.ravel()


def _whitened(patches: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each of `patches` times (C + ε ē I)^-1, in a fixed order; of mean 0 and length 1."""
    K = len(covariance)
    e, V = symmetric_eigen(covariance)
    mean = _sum(covariance.diagonal()[None])[0] / K
    inverse = _product(V / (e + EPSILON * mean), V.T)
    f = _product(patches, inverse)
    f -= (_sum(f) / K)[:, None]
    return f / np.sqrt(_sum(f * f))[:, None]


def _rounded(filters: NDArray[np.float64]) -> NDArray[np.int8]:
    """Whole numbers below WEIGHT_LIMIT, each row's sum exactly 0: the largest remainders go up."""
    sizes = np.sort(np.abs(filters).ravel())
    f = filters * (LARGEST / sizes[int(QUANTILE * (len(sizes) - 1))])
    f = f.clip(-LARGEST, LARGEST)
    f -= (_sum(f) / f.shape[1])[:, None]
    f = f.clip(-LARGEST - 2, LARGEST + 2)
    whole = np.floor(f).astype(np.int64)
    rank = np.argsort(np.argsort(whole - f, axis=1, kind="stable"), axis=1, kind="stable")
    whole += rank < -whole.sum(axis=1, keepdims=True)
    for row in whole[whole.sum(axis=1) != 0]:
        raise ValueError(f"a filter adds up to {row.sum()}")
    return whole.astype(np.int8)


def _product(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product a b, added up in the order of the inner index."""
    total = np.zeros((len(a), b.shape[1]))
    for k in range(len(b)):
        total += a[:, k : k + 1] * b[k]
    return total


def _sum(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row sums, added up in order."""
    total = np.zeros(len(a))
    for k in range(a.shape[1]):
        total += a[:, k]
    return total


def contrast_unit(filters: NDArray[np.int8], geometry: PatchGeometry) -> int:
    """The largest power of 2 for which no pooled response leaves 32 bits, at most 2^15.

    |v| ≤ unit √K ‖f‖, by Cauchy and Schwarz, and a cell adds up as many as it has places, and a few
    for the kernel's empty slots.
    """
    norm = int((filters.astype(np.int64) ** 2).sum(axis=(1, 2)).max())
    most = math.isqrt(geometry.patch_bytes * norm) + 1
    return 2 ** min(15, ((2**31 - 1) // (most * (geometry.largest_cell + 16))).bit_length() - 1)


def quantile(values: NDArray[np.integer], fraction: float) -> int:
    """An order statistic: the value with that part of all others below it; 0 of nothing."""
    if not values.size:
        return 0
    place = int(fraction * (values.size - 1))
    return int(np.partition(values.ravel(), place)[place])
