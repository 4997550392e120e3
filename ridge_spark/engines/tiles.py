"""Statistics by tiles (i, j) of the Gram matrix, for images so large that no task can hold X'X."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

from ridge_spark.engines.engine import Blocks, BlockTask, View
from ridge_spark.engines.partition import split_evenly
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.kernel import Tile
from ridge_spark.ridge.selection import group_sums
from ridge_spark.ridge.statistics import Statistics


def tiles_of(d: int, groups: int, memory: int) -> list[Tile]:
    """Tiles (i, j), i ≤ j, of the (d, d) Gram matrix, as large as a task with `memory` can hold."""
    width = int(math.sqrt(memory / (16 * groups)))  # int64 sums, and as much to work with
    edges = split_evenly(range(d), math.ceil(d / width))
    columns = [slice(edge[0], edge[-1] + 1) for edge in edges]
    return [(i, j) for a, i in enumerate(columns) for j in columns[a:]]


def tile_task(view: View, folds: Folds, tile: Tile) -> BlockTask:
    """Sum a tile of each group; one on the diagonal as the statistics of its columns."""
    task = partial(_sum_tile, folds=folds, d=view.d, classes=view.classes, tile=tile)
    return view.through(task)


def _sum_tile(
    blocks: Blocks, *, folds: Folds, d: int, classes: int, tile: Tile, threads: int
) -> list[Any]:
    sums = group_sums(blocks, folds, d, classes, threads=threads, tile=tile)
    i, j = tile
    return [Statistics(*each) if i == j else each[2] for each in sums]


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
