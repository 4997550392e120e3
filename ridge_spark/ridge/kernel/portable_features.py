"""Feature maps on any machine: NumPy, with products by BLAS where floats hold them exactly.

A sum of products of bytes with weights of at most 64 is exact in float32 below 2^24 and in float64
below 2^53, in whatever order BLAS adds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ridge_spark.ridge.kernel.patches import SCALE_BITS, FilterBank, PatchGeometry, SignedUnits
from ridge_spark.ridge.threads import blas_threads

CHUNK_BYTES = 2**25  # of what is laid out at a time
EXACT_FLOAT32 = 2**24


def patches_of(images: NDArray[np.uint8], geometry: PatchGeometry) -> NDArray[np.uint8]:
    """Every patch of `images` (n, d) as a row; (n, places, K)."""
    height, width, channels = geometry.shape
    window, stride = geometry.window, geometry.stride
    rows = images.reshape(len(images), height, width * channels)
    views = sliding_window_view(rows, (window, geometry.run), axis=(1, 2))
    views = views[:, ::stride, :: stride * channels]
    return views.reshape(len(images), -1, geometry.patch_bytes)


def contrast(patches: NDArray[np.uint8], unit: int, flat: int) -> NDArray[np.int64]:
    """⌊unit K / √(K Σu² - (Σu)² + K² flat)⌋ of patches (..., K)."""
    K = patches.shape[-1]
    wide = patches.astype(np.int64)
    total = wide.sum(axis=-1)
    spread = K * (wide * wide).sum(axis=-1) - total * total
    return (float(unit * K) / np.sqrt((spread + K * K * flat).astype(np.float64))).astype(np.int64)


class PortablePatches:
    """`pooled` and `features` of images by a filter bank."""

    def __init__(self, bank: FilterBank) -> None:
        self.bank = bank
        F, K = len(bank.filters), bank.geometry.patch_bytes
        exact = 255 * 64 * K < EXACT_FLOAT32
        self.columns = bank.filters.reshape(F, K).T.astype(np.float32 if exact else np.float64)

    def pooled(self, images: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.int32]:
        """S of the images (n, d); (n, cells, 2, F)."""
        geometry, bank = self.bank.geometry, self.bank
        F = len(bank.filters)
        out = np.empty((len(images), geometry.cells, 2, F), np.int32)
        down, along = geometry.places
        at_once = max(1, CHUNK_BYTES // (down * along * (8 * geometry.patch_bytes + 24 * F)))
        with blas_threads(threads):
            for start in range(0, len(images), at_once):
                patches = patches_of(images[start : start + at_once], geometry)
                r = (patches.astype(self.columns.dtype) @ self.columns).astype(np.int64)
                v = r * contrast(patches, bank.unit, bank.flat)[:, :, None]
                for c, places in enumerate(geometry.cell_places):
                    mine = v[:, places]
                    for s, sign in enumerate((1, -1)):
                        above = np.maximum(sign * mine - bank.thresholds, 0).sum(axis=1)
                        out[start : start + at_once, c, s] = above
        return out

    def features(
        self, images: NDArray[np.uint8], out: NDArray[np.uint8], *, threads: int = 1
    ) -> None:
        """Write the bytes of the images (n, d) to out (n, cells · 2 F)."""
        scaled = self.pooled(images, threads=threads).astype(np.int64) * self.bank.scale
        rounded = (scaled + 2 ** (SCALE_BITS - 1)) >> SCALE_BITS
        out[...] = np.minimum(rounded, 255).reshape(len(images), -1)


class PortableUnits:
    """`features` of inputs by random signs."""

    def __init__(self, units: SignedUnits) -> None:
        self.units = units

    def features(
        self, inputs: NDArray[np.uint8], out: NDArray[np.uint8], *, threads: int = 1
    ) -> None:
        """Write the bytes of the inputs (n, d) to out (n, M)."""
        units = self.units
        at_once = max(1, CHUNK_BYTES // (8 * max(units.order, units.outputs)))
        for start in range(0, len(inputs), at_once):
            z = signed_sums(units, inputs[start : start + at_once].astype(np.int32))
            z = (z >> units.shift) - units.subtracted
            out[start : start + at_once] = z.clip(0, 255)


def signed_sums(units: SignedUnits, inputs: NDArray[Any]) -> NDArray[Any]:
    """Σ_i sign[j, i] u[i] of inputs (n, d) of int32 or int64, which hold it; (n, M)."""
    order = units.order
    blocks = []
    for block, (places, flips) in enumerate(zip(units.places, units.flips, strict=True)):
        t = np.zeros((len(inputs), order), inputs.dtype)
        t[:, places] = inputs * flips.astype(inputs.dtype)
        walsh_hadamard(t)
        blocks.append(t[:, units.rows[block * order : (block + 1) * order]])
    return np.concatenate(blocks, axis=1)


def walsh_hadamard(t: NDArray[Any]) -> None:
    """Put H t for each row t of an array (n, p), p a power of two, in its place."""
    half = 1
    while half < t.shape[1]:
        pairs = t.reshape(len(t), -1, 2, half)
        difference = pairs[:, :, 0] - pairs[:, :, 1]
        pairs[:, :, 0] += pairs[:, :, 1]
        pairs[:, :, 1] = difference
        half *= 2


def warp(
    images: NDArray[np.uint8],
    shape: tuple[int, int, int],
    transforms: NDArray[np.int64],
    *,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Each image through its affine map about the centre, bilinear; as in feature_loops.warp."""
    height, width, channels = shape
    out = np.empty((len(images), height, width, channels), np.uint8)
    dy = (2 * np.arange(height) - (height - 1))[:, None]
    dx = (2 * np.arange(width) - (width - 1))[None, :]
    for image, t, result in zip(images.reshape(out.shape), transforms, out, strict=True):
        at_y = ((t[0] * dy + t[1] * dx) >> 1) + t[2]
        at_x = ((t[3] * dy + t[4] * dx) >> 1) + t[5]
        top, left = at_y >> 16, at_x >> 16
        v, h = (at_y >> 8) & 255, (at_x >> 8) & 255
        total = np.zeros((height, width, channels), np.int64)
        for a in range(2):
            for b in range(2):
                y, x = top + a, left + b
                inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
                weight = (v if a else 256 - v) * (h if b else 256 - h) * inside
                pixel = image[y.clip(0, height - 1), x.clip(0, width - 1)]
                total += pixel * weight[:, :, None]
        result[...] = (total + 32768) >> 16
    return out.reshape(len(images), -1)
