"""Which regions of an image spoke for the answer it got, and which for its true class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ridge_spark.model import Model
from ridge_spark.report.examples import Example
from ridge_spark.ridge.threads import blas_threads

ACROSS = 7  # regions along each side, or as many as there are pixels


def spoke_for_the_answer(
    model: Model, examples: Sequence[Example], average: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """What each pixel's region adds to the lead of the answer over the rival, (n, height, width).

    That is by how much the lead shrinks when the region is replaced by `average`, an image (d,):
    exactly what the model would say, whatever its features are. Below 0 it spoke for the rival.
    """
    height, width, channels = model.shape
    rows, columns = (_regions(side) for side in (height, width))
    fill = average.reshape(model.shape)
    changed = []
    for example in examples:
        image = example.image.reshape(model.shape)
        for top, bottom in rows:
            for left, right in columns:
                other = image.copy()
                other[top:bottom, left:right] = fill[top:bottom, left:right]
                changed.append(other)
    images = np.stack(changed).reshape(len(changed), height * width * channels)
    with blas_threads(1):
        scores = model.decision_function(images).reshape(len(examples), -1, len(model.class_names))
    lost = np.stack([
        example.margin - (own[:, example.predicted] - own[:, example.rival])
        for example, own in zip(examples, scores, strict=True)
    ]).reshape(len(examples), len(rows), len(columns))  # fmt: skip
    heights, widths = ([end - start for start, end in cuts] for cuts in (rows, columns))
    return lost.repeat(heights, axis=1).repeat(widths, axis=2)


def _regions(side: int) -> list[tuple[int, int]]:
    cuts = np.linspace(0, side, min(ACROSS, side) + 1).round().astype(int).tolist()
    return list(pairwise(cuts))
