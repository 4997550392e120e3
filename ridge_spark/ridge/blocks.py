"""A block: consecutive images of a data set with their labels, what every pass works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Block:
    """Consecutive images of a data set: `images` (rows, d) uint8, `labels` (rows,)."""

    first_row: int
    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
