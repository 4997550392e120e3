"""A block: consecutive images of a data set with their labels, what every pass works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.folds import Folds


@dataclass(frozen=True)
class Block:
    """Consecutive images: `images` (rows, d), `labels` (rows,). Those of a data set are uint8.

    `times` (rows,), 0 or more, are how often each counts in sums, as if it were there that many
    times; None where each counts once.
    """

    first_row: int
    images: NDArray[Any]
    labels: NDArray[np.integer]
    times: NDArray[np.integer] | None = None


def counted(
    block: Block, folds: Folds
) -> Iterator[tuple[NDArray[Any], NDArray[np.integer], NDArray[np.intp]]]:
    """The images, labels and groups of a block, each row as often as it counts, in a few parts."""
    group_of = folds.assign(block.first_row, len(block.labels))
    if block.times is None:
        yield block.images, block.labels, group_of
        return
    indices = np.repeat(np.arange(len(block.labels)), block.times)
    for start in range(0, len(indices), max(1, len(block.labels))):
        rows = indices[start : start + len(block.labels)]
        yield block.images[rows], block.labels[rows], group_of[rows]
