"""Which regions of an image spoke for the answer it got, and which for its true class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ridge_spark.model import Model
from ridge_spark.report.examples import Example
from ridge_spark.ridge.threads import blas_threads

Cuts = list[tuple[int, int]]

ACROSS = 7  # regions along each side, or as many as there are pixels


def spoke_for_the_answer(
    model: Model, examples: Sequence[Example], average: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """What each pixel's region adds to the lead of the answer over the rival, (n, height, width).

    That is by how much the lead shrinks when the region is replaced by `average`, an image (d,):
    exactly what the model would say, whatever its features are. Below 0 it spoke for the rival.
    """
    height, width, _ = model.shape
    rows, columns = (_regions(side) for side in (height, width))
    lost = np.stack([
        (_of_features if model.features else _of_pixels)(model, example, average, rows, columns)
        for example in examples
    ])  # fmt: skip
    heights, widths = ([end - start for start, end in cuts] for cuts in (rows, columns))
    return lost.repeat(heights, axis=1).repeat(widths, axis=2)


def _of_pixels(model: Model, example: Example, average: NDArray[np.uint8], rows: Cuts,
               columns: Cuts) -> NDArray[np.float64]:  # fmt: skip
    """What the pixels of each region add: scores are sums over pixels, so nothing is scored."""
    weights = model.coef[example.predicted] - model.coef[example.rival]
    added = weights * (example.image.astype(np.float64) - average)
    by_row = np.add.reduceat(
        added.reshape(model.shape).sum(axis=2), [start for start, _ in rows], axis=0
    )
    return np.add.reduceat(by_row, [start for start, _ in columns], axis=1)


def _of_features(model: Model, example: Example, average: NDArray[np.uint8], rows: Cuts,
                 columns: Cuts) -> NDArray[np.float64]:  # fmt: skip
    """How much is lost without each region, by the scores of the image without it."""
    image, fill = example.image.reshape(model.shape), average.reshape(model.shape)
    changed = []
    for top, bottom in rows:
        for left, right in columns:
            other = image.copy()
            other[top:bottom, left:right] = fill[top:bottom, left:right]
            changed.append(other.ravel())
    with blas_threads(1):
        scores = model.decision_function(np.stack(changed))
    lost: NDArray[np.float64] = example.margin - (
        scores[:, example.predicted] - scores[:, example.rival]
    )
    return lost.reshape(len(rows), len(columns))


def _regions(side: int) -> Cuts:
    cuts = np.linspace(0, side, min(ACROSS, side) + 1).round().astype(int).tolist()
    return list(pairwise(cuts))
