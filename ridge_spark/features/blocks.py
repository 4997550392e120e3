"""Blocks of features in the place of blocks of images, made where a block is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ridge_spark.features.feature_map import FeatureMap
from ridge_spark.ridge.blocks import Block

ROWS_BYTES = 2**25  # of features that are made at a time


def map_blocks(
    feature_map: FeatureMap, blocks: Iterable[Block], *, threads: int
) -> Iterator[Block]:
    """The same images by their features, in blocks of some thousand rows at most."""
    rows = max(1, ROWS_BYTES // feature_map.d_out)
    for block in blocks:
        for start in range(0, len(block.labels), rows):
            some = slice(start, start + rows)
            features = feature_map(block.images[some], threads=threads)
            yield Block(block.first_row + start, features, block.labels[some])
