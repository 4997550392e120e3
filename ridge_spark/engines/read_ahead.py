"""Blocks in order, the next ones read while one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ridge_spark.data.dataset import BlockDescriptor, read_block
from ridge_spark.progress import Advance
from ridge_spark.ridge.blocks import Block

READ_AHEAD = 3  # blocks; a few megabytes each


def read_ahead(blocks: Iterable[BlockDescriptor], advance: Advance) -> Iterator[Block]:
    """The blocks in order, read by another thread a few ahead of their use, the first ones now."""
    left = iter(blocks)
    pool = ThreadPoolExecutor(1)
    ahead = deque(pool.submit(read_block, descriptor) for descriptor in islice(left, READ_AHEAD))

    def in_order() -> Iterator[Block]:
        with pool:
            while ahead:
                block = ahead.popleft().result()
                ahead.extend(pool.submit(read_block, descriptor) for descriptor in islice(left, 1))
                advance(len(block.labels))
                yield block

    return in_order()
