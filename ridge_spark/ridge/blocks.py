"""A block: consecutive images of a data set with their labels, what every pass works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Block:
    """Consecutive images: `images` (rows, d), `labels` (rows,). Those of a data set are uint8."""

    first_row: int
    images: NDArray[Any]
    labels: NDArray[np.integer]
