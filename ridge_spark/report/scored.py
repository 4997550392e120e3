"""The test images that a page looks at, with the model's scores of them."""

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
FLOAT_BYTES = 2**24  # of pixels as floats to score at a time, in the same pages of memory
TOP = (2, 3, 5)  # answers among which the right one is looked for


@dataclass(frozen=True)
class Scored:
    """The first n test images; `of` is how many there are in all."""

    images: NDArray[np.uint8]  # (n, d)
    true: NDArray[np.intp]  # (n,)
    scores: NDArray[np.float64]  # (n, k)
    of: int

    @property
    def predicted(self) -> NDArray[np.intp]:
        """The class of the highest score, (n,)."""
        return self.scores.argmax(axis=1)

    def runner_up(self) -> NDArray[np.intp]:
        """The class of the second highest score, (n,)."""
        others = self.scores.copy()
        others[np.arange(len(others)), self.predicted] = -np.inf
        return others.argmax(axis=1)

    def lead_over(self, rival: NDArray[np.intp]) -> NDArray[np.float64]:
        """The score of the answer less that of `rival` (n,), of each image."""
        row = np.arange(len(self.scores))
        return self.scores[row, self.predicted] - self.scores[row, rival]

    def top(self) -> list[tuple[int, float]]:
        """(m, how often the right class is among the m highest scores), for a few m."""
        own = self.scores[np.arange(len(self.true)), self.true]
        place = (self.scores > own[:, None]).sum(axis=1)
        sizes = [m for m in TOP if m < self.scores.shape[1]]
        return [(m, float((place < m).mean())) for m in sizes]


def score_test_images(dataset: str, model: Model) -> Scored:
    """Score the first test images of `dataset`; `InputError` if there are none to be had."""
    split = open_split(dataset, "test")
    about = split.description
    require_same_images(dataset, about, model)
    if about.class_names != model.class_names:
        raise InputError(f"{dataset}: its classes are not those of the model")
    some = split.limited(max(1, min(MOST_IMAGES, MOST_BYTES // about.d)))
    blocks = list(read_blocks(some.blocks))
    step = max(1, FLOAT_BYTES // (8 * about.d))
    with blas_threads(1):
        scores = [
            model.decision_function(block.images[start : start + step])
            for block in blocks
            for start in range(0, len(block.images), step)
        ]
    return Scored(
        images=np.concatenate([block.images for block in blocks]),
        true=np.concatenate([block.labels for block in blocks]).astype(np.intp),
        scores=np.concatenate(scores),
        of=split.rows,
    )
