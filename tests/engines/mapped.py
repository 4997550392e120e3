"""Tasks and a mapping of blocks for the tests: every third pixel halved, labels made even."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ridge_spark.engines.view import Blocks
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.scoring import Weights


def halved(blocks: Blocks, *, threads: int) -> Iterator[Block]:
    """Every third pixel, halved; two classes, the even and the odd ones."""
    for block in blocks:
        images = np.ascontiguousarray(block.images[:, ::3] // 2)
        yield Block(block.first_row, images, block.labels % 2)


def rows_and_labels(blocks: Blocks, *, threads: int) -> list[np.ndarray]:
    """How many images there are, and how many of each class, up to ten."""
    found = [np.zeros(1, np.int64), np.zeros(10, np.int64)]
    for block in blocks:
        found[0] += len(block.labels)
        found[1] += np.bincount(block.labels, minlength=10)
    return found


def candidates(d: int) -> dict[int, Weights]:
    """For three groups: weights of two λ, two classes and d numbers of an image."""
    random = np.random.default_rng(0)
    return {
        group: Weights(random.normal(size=(2, 2, d)), random.normal(size=(2, 2)))
        for group in range(3)
    }


def square(x: int) -> int:
    return x * x
