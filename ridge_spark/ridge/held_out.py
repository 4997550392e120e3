"""What pass two finds of the held-out images: counts, and a sample to judge the choice by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.folds import Folds, uniform

# Of this many held-out images at most it is kept which λ classify them correctly,
MOST_OUTCOMES, OUTCOME_BYTES = 2**17, 2**25
# and of these, what the model sees of them.
MOST_IMAGES, IMAGE_BYTES = 2**14, 2**26
PURPOSE = 0x0E1D07  # what these random numbers are for, apart from others of the same seed


@dataclass(frozen=True)
class Sampling:
    """Which held-out images are kept: by a hash of their row numbers, as folds are.

    outcomes, images   the fraction of held-out images of which the one or the other is kept
    """

    seed: int
    outcomes: float
    images: float

    @classmethod
    def of(cls, folds: Folds, n: int, L: int, d: int, itemsize: int = 1) -> Self:
        """For n images, of which `folds` holds some out, of d numbers, and L values of λ."""
        held_out = max(1.0, n * folds.fraction * folds.held_out)
        most_outcomes = min(MOST_OUTCOMES, OUTCOME_BYTES // L)
        most_images = min(MOST_IMAGES, IMAGE_BYTES // (d * itemsize), most_outcomes)
        return cls(folds.seed, min(1.0, most_outcomes / held_out), min(1.0, most_images / held_out))

    def choose(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Indices of those of `rows` whose outcomes are kept, and of those whose images are."""
        u = uniform(self.seed, PURPOSE, rows)
        return np.flatnonzero(u < self.outcomes), np.flatnonzero(u < self.images)


@dataclass
class Outcomes:
    """Of m images: `row` (m,), `label` (m,), and whether each λ is `right` about it, (m, L)."""

    row: NDArray[np.int64]
    label: NDArray[np.int64]
    right: NDArray[np.bool_]


@dataclass
class Images:
    """m images as the model sees them, (m, d), with their rows, labels and held-out groups."""

    row: NDArray[np.int64]
    label: NDArray[np.int64]
    group: NDArray[np.int64]
    image: NDArray[Any]


@dataclass
class Scored:
    """What held-out images came to; adds over any partition of the images, in any order.

    n         (held-out groups, k)      held-out images of each class, int64
    correct   (held-out groups, k, L)   of them, those that each λ classifies correctly, int64
    outcomes  of some of them           images  of fewer
    """

    n: NDArray[np.int64]
    correct: NDArray[np.int64]
    outcomes: Outcomes
    images: Images

    @classmethod
    def zeros(cls, groups: int, classes: int, L: int, d: int, dtype: Any = np.uint8) -> Self:
        none = np.empty(0, np.int64)
        return cls(
            np.zeros((groups, classes), np.int64),
            np.zeros((groups, classes, L), np.int64),
            Outcomes(none, none, np.empty((0, L), np.bool_)),
            Images(none, none, none, np.empty((0, d), dtype)),
        )

    @classmethod
    def of(
        cls,
        groups: int,
        classes: int,
        group: int,
        rows: NDArray[np.int64],
        labels: NDArray[np.integer],
        right: NDArray[np.bool_],
        sampling: Sampling,
        images: NDArray[Any] | None = None,
    ) -> Self:
        """Of images of one group: their rows and labels (n,), who is `right` about them (n, L), and
        the images (n, d) where they are at hand.
        """
        d, dtype = (0, np.uint8) if images is None else (images.shape[1], images.dtype)
        found = cls.zeros(groups, classes, right.shape[1], d, dtype)
        of_class: NDArray[np.int64] = labels.astype(np.int64)
        found.n[group] = np.bincount(of_class, minlength=classes)
        for label in np.flatnonzero(found.n[group]):
            found.correct[group, label] = right[of_class == label].sum(axis=0)
        kept, shown = sampling.choose(rows)
        found.outcomes = Outcomes(rows[kept], of_class[kept], right[kept])
        if images is not None:
            of_group = np.full(len(shown), group, np.int64)
            found.images = Images(rows[shown], of_class[shown], of_group, images[shown])
        return found

    def __iadd__(self, other: Scored) -> Self:
        self.n += other.n
        self.correct += other.correct
        self.keep([self.outcomes, other.outcomes], [self.images, other.images])
        return self

    def keep(self, outcomes: Sequence[Outcomes], images: Sequence[Images]) -> None:
        """Let what is kept be all of these."""
        self.outcomes, self.images = _joined(outcomes), _joined(images)

    def in_order(self) -> Self:
        """The same with what is kept in the order of the rows, whoever found it."""
        self.outcomes, self.images = _sorted(self.outcomes), _sorted(self.images)
        return self

    @classmethod
    def side_by_side(cls, parts: Sequence[Scored]) -> Self:
        """One of all λ, from those of the same images for runs of λ; images are in the first."""
        outcomes = [_sorted(part.outcomes) for part in parts]
        return cls(
            parts[0].n,
            np.concatenate([part.correct for part in parts], axis=2),
            Outcomes(
                outcomes[0].row,
                outcomes[0].label,
                np.concatenate([part.right for part in outcomes], axis=1),
            ),
            parts[0].images,
        )

    @property
    def n_by_class(self) -> NDArray[np.int64]:
        """Held-out images of each class; shape (k,)."""
        return self.n.sum(axis=0)

    @property
    def totals(self) -> NDArray[np.int64]:
        """Held-out images that each λ classifies correctly; shape (L,)."""
        return self.correct.sum(axis=(0, 1))


def _joined(parts: Sequence[Any]) -> Any:
    """One record of images from several of the same kind."""
    return type(parts[0])(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(parts[0]))
    )


def _sorted(record: Any) -> Any:
    order = np.argsort(record.row, kind="stable")
    return type(record)(*(getattr(record, each.name)[order] for each in fields(record)))
