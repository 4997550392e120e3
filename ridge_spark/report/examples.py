"""The test images a model gets most wrong, and those it is least certain about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.data.same_images import require_same_images
from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.ridge.threads import blas_threads

MOST_IMAGES = 10_000
MOST_BYTES = 64 * 2**20  # of pixels to look at
SHOWN = 12  # of each kind


@dataclass(frozen=True)
class Example:
    """A test image; `margin` is the score of the predicted class less that of its rival.

    The rival of a wrong prediction is the true class, else it is the second best.
    """

    image: NDArray[np.uint8]  # (d,)
    row: int  # of the test split
    true: int
    predicted: int
    rival: int
    margin: float


@dataclass(frozen=True)
class Examples:
    looked_at: int
    of: int
    wrong: list[Example]  # largest margin first
    uncertain: list[Example]  # smallest margin first


def find_examples(dataset: str, model: Model) -> Examples:
    """Look at the first test images of `dataset`; `InputError` if there are none to be had."""
    split = open_split(dataset, "test")
    about = split.description
    require_same_images(dataset, about, model)
    if about.class_names != model.class_names:
        raise InputError(f"{dataset}: its classes are not those of the model")
    some = split.limited(max(1, min(MOST_IMAGES, MOST_BYTES // about.d)))
    blocks = list(read_blocks(some.blocks))
    images = np.concatenate([block.images for block in blocks])
    true = np.concatenate([block.labels for block in blocks]).astype(np.intp)
    with blas_threads(1):
        scores = np.concatenate([model.decision_function(block.images) for block in blocks])

    row = np.arange(len(images))
    predicted = scores.argmax(axis=1)
    best = scores[row, predicted]
    over_true = best - scores[row, true]
    scores[row, predicted] = -np.inf
    second = scores.argmax(axis=1)
    over_second = best - scores[row, second]

    def examples(rows: NDArray[np.intp], rival: NDArray[np.intp], margin: NDArray[np.float64]):  # type: ignore[no-untyped-def]
        return [
            Example(images[i], int(i), int(true[i]), int(predicted[i]), int(rival[i]), margin[i])
            for i in rows[:SHOWN]
        ]

    missed = np.flatnonzero(predicted != true)
    most_wrong = missed[np.argsort(-over_true[missed], kind="stable")]
    least_certain = np.argsort(over_second, kind="stable")
    return Examples(
        looked_at=some.rows,
        of=split.rows,
        wrong=examples(most_wrong, true, over_true),
        uncertain=examples(least_certain, second, over_second),
    )
