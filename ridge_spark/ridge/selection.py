"""Choosing λ: statistics and scores by fold from blocks, and the rule that picks from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.kernel import Tile, accumulator
from ridge_spark.ridge.scoring import Weights, confusion_matrix, count_correct
from ridge_spark.ridge.statistics import Statistics


@dataclass(frozen=True)
class Block:
    """Consecutive images of a data set: `images` (rows, d) uint8, `labels` (rows,)."""

    first_row: int
    images: NDArray[np.uint8]
    labels: NDArray[np.integer]


def group_sums(
    blocks: Iterable[Block],
    folds: Folds,
    d: int,
    classes: int,
    *,
    threads: int = 1,
    tile: Tile | None = None,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Pass one: `counts`, `sums` and `gram` (or one tile of it) of each group of images."""
    groups = [accumulator(d, classes, threads=threads, tile=tile) for _ in range(folds.groups)]
    for block in blocks:
        group_of = folds.assign(block.first_row, len(block.labels))
        for group, sums in enumerate(groups):
            mine = np.flatnonzero(group_of == group)
            if len(mine):
                sums.add(block.images[mine], block.labels[mine])
    return [sums.finish() for sums in groups]


def group_statistics(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, *, threads: int = 1
) -> list[Statistics]:
    """Pass one: the statistics of each group of images."""
    return [Statistics(*sums) for sums in group_sums(blocks, folds, d, classes, threads=threads)]


def group_correct(
    blocks: Iterable[Block], folds: Folds, candidates: Mapping[int, Weights], *, threads: int = 1
) -> NDArray[np.int64]:
    """Pass two: images of held-out groups that their candidates classify correctly.

    `candidates` has L weight matrices for each held-out group to score; returns (held-out groups,
    L), zero for a group without candidates.
    """
    L = max(len(weights.coef) for weights in candidates.values())
    correct = np.zeros((folds.held_out, L), np.int64)
    for block in blocks:
        group_of = folds.assign(block.first_row, len(block.labels))
        for group, weights in candidates.items():
            held_out = np.flatnonzero(group_of == group)
            correct[group] += count_correct(
                block.images[held_out],
                block.labels[held_out],
                weights,
                threads=threads,
            )
    return correct


def confusion_of(
    blocks: Iterable[Block], coef: Float, intercept: Float, *, threads: int = 1
) -> NDArray[np.int64]:
    """Images by class (rows) and predicted class (columns), for `coef` (d, k); shape (k, k)."""
    k = coef.shape[1]
    return sum(
        (
            confusion_matrix(block.images, block.labels, coef, intercept, threads=threads)
            for block in blocks
        ),
        np.zeros((k, k), np.int64),
    )


def choose(correct: NDArray[np.int64], lambdas: Float) -> int:
    """Index of the λ with the most correct held-out images; of equals, the largest λ.

    The largest, because of models that do equally well the most regularised is the simplest.
    """
    best = np.flatnonzero(correct == correct.max())
    return int(best[np.argmax(lambdas[best])])
