"""The test images a model gets most wrong, and those it is least certain about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.report.scored import Scored

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
    """What there is to show of the test images that were looked at."""

    looked_at: int
    of: int
    wrong: list[Example]  # largest margin first
    uncertain: list[Example]  # smallest margin first


def find_examples(scored: Scored) -> Examples:
    """The images with the largest and the smallest margins."""
    predicted, true, second = scored.predicted, scored.true, scored.runner_up()
    over_true, over_second = scored.lead_over(true), scored.lead_over(second)

    def examples(
        rows: NDArray[np.intp], rival: NDArray[np.intp], margin: NDArray[np.float64]
    ) -> list[Example]:
        return [
            Example(scored.images[i], i, int(true[i]), int(predicted[i]), int(rival[i]), margin[i])
            for i in rows[:SHOWN].tolist()
        ]

    missed = np.flatnonzero(predicted != true)
    most_wrong = missed[np.argsort(-over_true[missed], kind="stable")]
    least_certain = np.argsort(over_second, kind="stable")
    return Examples(
        looked_at=len(true),
        of=scored.of,
        wrong=examples(most_wrong, true, over_true),
        uncertain=examples(least_certain, second, over_second),
    )
