"""Choosing λ: statistics and scores by fold from blocks, and the rule that picks from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.kernel import Accumulator, Sums, Tile, accumulator
from ridge_spark.ridge.packed import PackedStatistics
from ridge_spark.ridge.scoring import Weights, confusion_matrix, count_correct
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.ridge.threads import parallel_map

MOST_AT_ONCE = 4096  # images that a thread scores before it turns to others


def group_sums(
    blocks: Iterable[Block],
    folds: Folds,
    d: int,
    classes: int,
    *,
    threads: int = 1,
    tile: Tile | None = None,
) -> list[Sums]:
    """Pass one: `counts`, `sums` and `gram` (or one tile of it) of each group of images."""
    sums = accumulator(d, classes, groups=folds.groups, threads=threads, tile=tile)
    _add_blocks(sums, blocks, folds)
    return sums.finish()


def _add_blocks(sums: Accumulator, blocks: Iterable[Block], folds: Folds) -> None:
    for block in blocks:
        group_of = folds.assign(block.first_row, len(block.labels))
        sums.add(block.images, block.labels, group_of)


def group_statistics(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, *, threads: int = 1
) -> list[Statistics]:
    """Pass one: the statistics of each group of images."""
    return [Statistics(*sums) for sums in group_sums(blocks, folds, d, classes, threads=threads)]


def group_packed(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, *, threads: int = 1
) -> list[PackedStatistics]:
    """Pass one, where X'X is large: the same with its upper triangle alone."""
    return list(each_packed(blocks, folds, d, classes, threads=threads))


def each_packed(
    blocks: Iterable[Block], folds: Folds, d: int, classes: int, *, threads: int = 1
) -> Iterator[PackedStatistics]:
    """Pass one: the packed statistics of one group after the other."""
    sums = accumulator(d, classes, groups=folds.groups, threads=threads)
    _add_blocks(sums, blocks, folds)
    for each in sums.finish_upper():
        yield PackedStatistics(*each)


def group_correct(
    blocks: Iterable[Block],
    folds: Folds,
    candidates: Mapping[int, Weights],
    *,
    mapping: Callable[..., Iterable[Block]] | None = None,
    threads: int = 1,
) -> NDArray[np.int64]:
    """Pass two: images of held-out groups that their candidates classify correctly.

    `candidates` has L weight matrices for each held-out group to score; returns (held-out groups,
    L), zero for a group without candidates. With `mapping`, a function of blocks and `threads=`,
    what is scored is what it makes of the images; of those that are held out, and of no others.
    """
    for _ in parallel_map(Weights.make_ready, candidates.values(), threads):
        pass

    def held_out() -> Iterator[tuple[int, Block]]:
        """The images of each block that one group holds out, some at a time."""
        for block in blocks:
            group_of = folds.assign(block.first_row, len(block.labels))
            for group in candidates:
                indices = np.flatnonzero(group_of == group)
                for start in range(0, len(indices), MOST_AT_ONCE):
                    some = indices[start : start + MOST_AT_ONCE]
                    yield from seen(group, Block(0, block.images[some], block.labels[some]))

    def seen(group: int, block: Block) -> Iterator[tuple[int, Block]]:
        for part in [block] if mapping is None else mapping([block], threads=threads):
            yield group, part

    def count(some: tuple[int, Block]) -> tuple[int, NDArray[np.int64]]:
        group, block = some
        return group, count_correct(block.images, block.labels, candidates[group])

    L = max(len(weights.coef) for weights in candidates.values())
    correct = np.zeros((folds.held_out, L), np.int64)
    for group, found in parallel_map(count, held_out(), threads):
        correct[group] += found
    return correct


def confusion_of(
    blocks: Iterable[Block], coef: Float, intercept: Float, *, threads: int = 1
) -> NDArray[np.int64]:
    """Images by class (rows) and predicted class (columns), for `coef` (k, d); shape (k, k)."""

    def confusion(block: Block) -> NDArray[np.int64]:
        return confusion_matrix(block.images, block.labels, coef, intercept)

    k = len(coef)
    return sum(parallel_map(confusion, blocks, threads), np.zeros((k, k), np.int64))


def choose(
    correct: NDArray[np.int64], lambdas: Float, converged: NDArray[np.bool_] | None = None
) -> int:
    """Index of the λ with the most correct held-out images; of equals, the largest λ.

    The largest, because of models that do equally well the most regularised is the simplest. A λ
    that has not `converged` is never chosen; `InputError` where none has.
    """
    if converged is not None:
        if not converged.any():
            raise InputError(
                "the iteration has not converged for any λ: use larger ones, or another solver"
            )
        correct = np.where(converged, correct, -1)
    best = np.flatnonzero(correct == correct.max())
    return int(best[np.argmax(lambdas[best])])
