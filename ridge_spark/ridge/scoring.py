"""Scores of images under many weight matrices at once, and what they got right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.float32_filter import Float32Filter

# Rows scored in one product: as many as fit a core's cache with their scores.
PANEL_ROWS = 512
# Rows of every product that decides on what is in doubt. The last bits of a row's scores may follow
# the number of rows beside it, and with them the class, where two tie: so they are always as many.
DOUBTFUL_ROWS = 32


def scores(images: NDArray[Any], coef: Float, intercept: Float) -> Float:
    """X W' + b for `images` (n, d), `coef` (m, d) and `intercept` (m,); shape (n, m)."""
    return images.astype(np.float64) @ coef.T + intercept


@dataclass(frozen=True)
class Weights:
    """Candidates to score side by side: `coef` (L, k, d) and `intercept` (L, k)."""

    coef: Float
    intercept: Float

    @property
    def rows(self) -> Float:
        """All weight vectors as one matrix (L k, d)."""
        return self.coef.reshape(-1, self.coef.shape[-1])

    @cached_property
    def float32_filter(self) -> Float32Filter:
        return Float32Filter.of(self.coef, self.intercept)

    def make_ready(self) -> None:
        """Compute what is computed once, before many threads want it."""
        _ = self.float32_filter

    def __getstate__(self) -> dict[str, Float]:
        return {"coef": self.coef, "intercept": self.intercept}


def classified_correctly(
    images: NDArray[Any], labels: NDArray[np.integer], weights: Weights
) -> NDArray[np.bool_]:
    """Which images (n, d) each of L candidates classifies correctly; shape (n, L).

    The class of an image is that of the largest score, the first where two tie. All candidates
    stand side by side in one float32 product with the pixels, which decides on most images, with a
    proof; the others are scored in float64. Images are bytes, or numbers of any other type.
    """
    L, k, _ = weights.coef.shape
    right, doubtful = np.empty((len(images), L), np.bool_), []
    for rows in panels(len(images)):
        right[rows], in_doubt = weights.float32_filter.decide(images[rows], labels[rows])
        doubtful += (rows.start + np.flatnonzero(in_doubt.any(axis=1))).tolist()
    for rows in panels(len(doubtful), DOUBTFUL_ROWS):
        indices = doubtful[rows]
        panel = np.zeros((DOUBTFUL_ROWS, images.shape[1]), images.dtype)
        panel[: len(indices)] = images[indices]
        found = scores(panel, weights.rows, weights.intercept.ravel())
        predicted = found[: len(indices)].reshape(-1, L, k).argmax(-1)
        right[indices] = predicted == labels[indices, None]
    return right


def best_two(scores: Float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The classes of the largest and of the second largest of `scores` (n, k), each (n,)."""
    best, others = scores.argmax(axis=1), scores.copy()
    others[np.arange(len(scores)), best] = -np.inf
    return best, others.argmax(axis=1)


def panels(rows: int, size: int = PANEL_ROWS) -> list[slice]:
    """0, ..., rows - 1 in slices of `size`."""
    return [slice(start, start + size) for start in range(0, rows, size)]
