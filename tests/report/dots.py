"""A small data set whose names are hard on a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import DatasetWriter

NAMES = ("<script>alert('1')</script>", r"$\frac{a$ & b", 'a "quoted" name', "ein λ")
SHAPE = (6, 9, 1)


def write_dots(folder: Path, splits: dict[str, int], seed: int = 0) -> Path:
    """Noise with a brighter column for each class, one for each of NAMES."""
    random = np.random.default_rng(seed)
    with DatasetWriter(str(folder), Description(SHAPE, NAMES, "dots")) as writer:
        for split, n in splits.items():
            labels = random.integers(0, len(NAMES), n)
            images = random.integers(0, 120, (n, *SHAPE[:2]), dtype=np.uint8)
            images[np.arange(n), :, 2 * labels] += 20
            writer.append(split, images, labels)
    return folder
