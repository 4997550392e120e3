"""What choosing λ takes: statistics and scores by fold, from blocks, and the test of the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.blocks import Block, counted
from ridge_spark.ridge.calibration import BINS, Reliability
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Sampling, Scored
from ridge_spark.ridge.kernel import Accumulator, accumulator
from ridge_spark.ridge.packed import PackedStatistics
from ridge_spark.ridge.scoring import Weights, classified_correctly, panels, scores
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import parallel_map

MOST_AT_ONCE = 4096  # images that a thread scores before it turns to others


def group_statistics(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, *, threads: int = 1
) -> list[Statistics]:
    """Pass one: the statistics of each group of images."""
    sums = _summed(blocks, folds, d, classes, threads)
    return [Statistics(*each) for each in sums.finish()]


def group_packed(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, *, threads: int = 1
) -> list[PackedStatistics]:
    """Pass one, where X'X is large: the same with its upper triangle alone."""
    sums = _summed(blocks, folds, d, classes, threads)
    return [PackedStatistics(*each) for each in sums.finish_upper()]


def _summed(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, threads: int
) -> Accumulator:
    sums = accumulator(d, classes, groups=folds.groups, threads=threads)
    for block in blocks:
        for part in counted(block, folds):
            sums.add(*part)
    return sums


def score_held_out(
    blocks: Iterable[Block],
    folds: Folds,
    candidates: Mapping[int, Weights],
    sampling: Sampling,
    *,
    seen: Callable[..., Iterable[Block]] | None = None,
    threads: int = 1,
) -> Scored:
    """Pass two: the images of held-out groups, classified by their candidates.

    `candidates` has L weight matrices for each held-out group to score, and there is nothing of a
    group without. `seen`, called with blocks and `threads=`, returns what the model sees of them:
    it is asked for the images of these groups alone.
    """
    for _ in parallel_map(Weights.make_ready, candidates.values(), threads):
        pass
    groups = np.array(sorted(candidates))

    def held_out() -> Iterator[tuple[int, NDArray[np.int64], Block]]:
        """A few images at a time that one group holds out: the group, their rows, and they."""
        for block in blocks:
            group_of = folds.assign(block.first_row, len(block.labels))
            indices = np.flatnonzero(np.isin(group_of, groups))
            group_of, rows = group_of[indices], block.first_row + indices
            some = Block(0, block.images[indices], block.labels[indices])
            for part in seen([some], threads=threads) if seen else [some]:
                within = slice(part.first_row, part.first_row + len(part.labels))
                for group in groups:
                    mine = np.flatnonzero(group_of[within] == group)
                    for start in range(0, len(mine), MOST_AT_ONCE):
                        few = mine[start : start + MOST_AT_ONCE]
                        images, labels = part.images[few], part.labels[few]
                        yield int(group), rows[within][few], Block(0, images, labels)

    def score(some: tuple[int, NDArray[np.int64], Block]) -> Scored:
        group, rows, block = some
        right = classified_correctly(block.images, block.labels, candidates[group])
        return Scored.of(
            folds.held_out, k, group, rows, block.labels, right, sampling, block.images
        )

    L = max(len(weights.coef) for weights in candidates.values())
    k, d = next(iter(candidates.values())).coef.shape[1:]
    total, outcomes, images = Scored.zeros(folds.held_out, k, L, d), [], []
    for found in parallel_map(score, held_out(), threads):
        total.n += found.n
        total.correct += found.correct
        outcomes.append(found.outcomes)
        images.append(found.images)
    if outcomes:
        total.keep(outcomes, images)
    return total


@dataclass
class Tested:
    """What a model makes of labelled images; adds over any partition of them.

    confusion    (k, k)      images by class (rows) and predicted class (columns), int64
    reliability  (BINS, 3)   the sums of a `Reliability`; all 0 where there are no probabilities
    sums         (d,)        of all images, int64; 0 where they are not bytes
    """

    confusion: NDArray[np.int64]
    reliability: NDArray[np.int64]
    sums: NDArray[np.int64]

    @classmethod
    def zeros(cls, classes: int, d: int) -> Self:
        return cls(
            np.zeros((classes, classes), np.int64),
            np.zeros((BINS, 3), np.int64),
            np.zeros(d, np.int64),
        )

    @property
    def n(self) -> int:
        return int(self.confusion.sum())

    @property
    def arrays(self) -> list[NDArray[np.int64]]:
        return [self.confusion, self.reliability, self.sums]

    def __iadd__(self, other: Tested) -> Self:
        for mine, more in zip(self.arrays, other.arrays, strict=True):
            mine += more  # noqa: PLW2901 - in place
        return self


def judge_on(
    blocks: Iterable[Block],
    coef: Float,
    intercept: Float,
    temperature: float | None = None,
    *,
    threads: int = 1,
) -> Tested:
    """Classify labelled images by `coef` (k, d), and judge the probabilities by `temperature`."""
    k, d = coef.shape

    def judged(block: Block) -> Tested:
        found = Tested.zeros(k, d)
        for rows in panels(len(block.labels)):
            images, labels = block.images[rows], block.labels[rows]
            of_panel = scores(images, coef, intercept)
            if images.dtype == np.uint8:  # of so few, sums are whole numbers that float32 holds
                summed = np.ones(len(images), np.float32) @ images.astype(np.float32)
                found.sums += summed.astype(np.int64)
            confused = np.bincount(labels * k + of_panel.argmax(axis=1), minlength=k * k)
            found.confusion += confused.reshape(k, k)
            if temperature is not None:
                found.reliability += Reliability.of(of_panel, labels, temperature).sums
        return found

    total = Tested.zeros(k, d)
    for found in parallel_map(judged, blocks, threads):
        total += found
    return total
