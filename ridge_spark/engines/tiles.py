"""Statistics by tiles (i, j) of the Gram matrix, for images so large that no task can hold X'X."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.view import Blocks, BlockTask, View
from ridge_spark.ridge.blocks import counted
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.kernel import Tile, accumulator
from ridge_spark.ridge.statistics import Statistics


def tiles_of(d: int, groups: int, memory: int) -> list[Tile]:
    """Tiles (i, j), i ≤ j, of the (d, d) Gram matrix, as large as a task with `memory` can hold."""
    width = int(math.sqrt(memory / (16 * groups)))  # int64 sums, and as much to work with
    edges = split_evenly(range(d), math.ceil(d / width))
    columns = [slice(edge[0], edge[-1] + 1) for edge in edges]
    return [(i, j) for a, i in enumerate(columns) for j in columns[a:]]


def tiles_task(view: View, folds: Folds, tiles: Sequence[Tile]) -> BlockTask:
    """Sum some tiles: for each of them a list by group. What is seen of a block is made once.

    A tile on the diagonal is summed as the statistics of its columns.
    """
    task = partial(_sum_tiles, folds=folds, d=view.d, classes=view.classes, tiles=tiles)
    return view.through(task)


def _sum_tiles(
    blocks: Blocks, *, folds: Folds, d: int, classes: int, tiles: Sequence[Tile], threads: int
) -> list[list[Any]]:
    sums = [
        accumulator(d, classes, groups=folds.groups, threads=threads, tile=tile) for tile in tiles
    ]
    for block in blocks:
        for part in counted(block, folds):
            for each in sums:
                each.add(*part)
    found: list[list[Any]] = []
    for i, j in tiles:
        groups = sums.pop(0).finish()  # each lets go of what it worked with
        found.append([Statistics(*each) if i == j else each[2] for each in groups])
    return found


def assemble(
    summed: Iterable[tuple[tuple[int, int], Any]], tiles: list[Tile], groups: int, view: View
) -> list[Statistics]:
    """The statistics of each group from ((group, number of the tile), its sum), in any order."""
    whole = [Statistics.zeros(view.classes, view.d) for _ in range(groups)]
    for (group, number), tile in summed:
        i, j = tiles[number]
        gram = tile
        if i == j:
            whole[group].counts[:] = tile.counts
            whole[group].sums[:, i] = tile.sums
            gram = tile.gram
        whole[group].gram[i, j] = gram
        whole[group].gram[j, i] = gram.T
    return whole
