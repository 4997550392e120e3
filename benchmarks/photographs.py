"""Photographs of nothing: smooth random colours, a few waves of each class, and noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset

WAVES, ROWS_AT_A_TIME = 40, 256


def photographs(
    n: int, shape: tuple[int, int, int], classes: int = 5, seed: int = 0
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """`n` images (rows, d) and their labels (rows,), some at a time."""
    height, width, channels = shape
    random = np.random.default_rng(0)  # waves and classes are the same whatever the seed
    frequency = random.normal(size=(WAVES, 2), scale=8)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phase = random.uniform(0, 2 * np.pi, WAVES)
    waves = np.sin(np.tensordot(frequency, [y, x], 1) + phase[:, None, None]).reshape(WAVES, -1)
    waves = np.repeat(waves[..., None], channels, axis=2).reshape(WAVES, -1).astype(np.float32)
    waves *= (
        random.uniform(0.3, 1, (WAVES, waves.shape[1] // channels, 1))
        .repeat(channels, axis=2)
        .reshape(WAVES, -1)
        .astype(np.float32)
    )
    of_class = random.normal(size=(classes, WAVES))
    random = np.random.default_rng(seed)
    for start in range(0, n, ROWS_AT_A_TIME):
        rows = min(ROWS_AT_A_TIME, n - start)
        labels = np.arange(start, start + rows) % classes
        amount = of_class[labels] * 0.4 + random.normal(size=(rows, WAVES))
        images = 128 + 9 * (amount.astype(np.float32) @ waves)
        images += random.normal(0, 8, (rows, 1024)).astype(np.float32)[
            :, np.arange(images.shape[1]) * 7 % 1024
        ]
        images += random.integers(-12, 13, images.shape, np.int8)
        yield images.clip(0, 255).astype(np.uint8), labels.astype(np.int64)


def write_photographs(folder: Path, n: int, shape: tuple[int, int, int], classes: int = 5) -> str:
    """A data set of `n` training images and a tenth as many to test on; returns its address."""
    names = tuple(f"class {i}" for i in range(classes))
    about = Description(shape, names, "photographs of nothing")
    test = photographs(max(classes, n // 10), shape, classes, seed=1)
    write_dataset(str(folder), about, {"train": photographs(n, shape, classes), "test": test})
    return str(folder)
