"""Images of one stroke or shape made upright and of one size, by their moments of second order.

With the image as a mass, its centre (ȳ, x̄) and its covariances c: it is sheared along x by
c_xy / c_yy, so that it stands upright, and both axes are scaled by the square root of their spread
against the mean spread of the sample, half way to all of one size. Sums are of whole numbers; what
is made of them are single divisions and square roots of IEEE, the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.kernel import portable_features
from ridge_spark.ridge.kernel.choose import feature_kernel
from ridge_spark.ridge.threads import blas_threads, parallel_ranges

ONE = 2**16  # 1 in 16.16 fixed point
LEAST_VARIANCE = 0.3  # square pixels: of less, a stroke one pixel wide would be blown up
SCALES = ((0.7, 1.4), (0.6, 1.5))  # of y and of x, least and most
AT_ONCE = 2**20  # bytes of pixels as float64: they stay in a core's cache


@dataclass(frozen=True)
class Moments:
    """The normalisation for images of `shape`; `spreads` are the sample's mean ones, in 16.16."""

    shape: tuple[int, int, int]
    spreads: tuple[int, int]

    @classmethod
    def find(cls, images: NDArray[np.uint8], shape: tuple[int, int, int]) -> Self:
        """From the images of the sample."""
        *_, spread_y, spread_x = _moments(images, shape)
        mean = [
            int(np.rint(s * ONE).astype(np.int64).sum()) // len(s) for s in (spread_y, spread_x)
        ]
        return cls(shape, (mean[0], mean[1]))

    def __call__(self, images: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.uint8]:
        """The images (n, d), upright and of one size."""
        transforms = self._transforms(images, threads)
        kernel = feature_kernel()
        if kernel is None:
            return portable_features.warp(images, self.shape, transforms, threads=threads)
        from ridge_spark.ridge.kernel.compiled_features import warp

        return warp(kernel, images, self.shape, transforms, threads=threads)

    def _transforms(self, images: NDArray[np.uint8], threads: int) -> NDArray[np.int64]:
        """Where each pixel comes from, (n, 6): y and x are each a·dy + b·dx + c, in 16.16."""
        y, x, shear, spread_y, spread_x = _moments(images, self.shape, threads)
        scale_y, scale_x = (
            np.sqrt(spread / (mean / ONE)).clip(*limits)
            for spread, mean, limits in zip((spread_y, spread_x), self.spreads, SCALES, strict=True)
        )
        zero = np.zeros_like(y)
        T = np.stack([scale_y, zero, y, shear * scale_y, scale_x, x], axis=1)
        return np.rint(T * ONE).astype(np.int64)


def _moments(
    images: NDArray[np.uint8], shape: tuple[int, int, int], threads: int = 1
) -> tuple[NDArray, ...]:
    """Centre y and x, shear, and the spreads along y and x, (n,) float64 each."""
    height, width, _ = shape
    sums = _sums(images, shape, threads)
    empty = sums[0] == 0
    m, y1, x1, y2, x2, xy = np.where(empty, of_a_dot(height, width)[:, None], sums)
    c_yy, c_xx, c_xy = y2 * m - y1 * y1, x2 * m - x1 * x1, xy * m - y1 * x1  # m² covariances
    mass = m.astype(np.float64)
    square = mass * mass
    variance_y, variance_x, covariance = c_yy / square, c_xx / square, c_xy / square
    shear = covariance / np.maximum(variance_y, LEAST_VARIANCE)
    upright = variance_x - shear * covariance
    return (
        y1 / mass,
        x1 / mass,
        shear,
        np.sqrt(np.maximum(variance_y, LEAST_VARIANCE)),
        np.sqrt(np.maximum(upright, LEAST_VARIANCE)),
    )


def _sums(
    images: NDArray[np.uint8], shape: tuple[int, int, int], threads: int
) -> NDArray[np.int64]:
    """Sums of each image's pixels times 1, y, x, y², x² and xy; (6, n).

    BLAS has one thread: others would wait busily afterwards, on the cores that work on patches.
    """
    height, width, channels = shape
    y, x = (np.repeat(g.ravel(), channels) for g in np.mgrid[:height, :width])
    basis = np.stack([np.ones_like(y), y, x, y * y, x * x, y * x], axis=1).astype(np.float64)
    found, rows = np.empty((len(images), 6)), max(1, AT_ONCE // (8 * len(y)))

    def work(first: int, last: int) -> None:
        for start in range(first, last, rows):
            some = slice(start, min(start + rows, last))
            # Of whole numbers below 2^53, so that BLAS may add in whatever order.
            found[some] = images[some].astype(np.float64) @ basis

    with blas_threads(1):
        parallel_ranges(work, len(images), threads)
    return found.astype(np.int64).T


def of_a_dot(height: int, width: int) -> NDArray[np.int64]:
    """Sums of a black image with a dot of mass 2 in its middle, for black ones have no centre."""
    y, x = height - 1, width - 1
    return np.array([2, y, x, y * y, x * x, y * x])
