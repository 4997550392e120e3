"""What tasks see of images: vectors of bytes, as they are stored or made where a block is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from ridge_spark.data.dataset import Split
from ridge_spark.ridge.blocks import Block

Blocks = Iterable[Block]
# Called with blocks and `threads=`, returns what adds up over any partition of the blocks: an
# array, `Statistics`, `Scored`, `Tested`, or a list of such.
BlockTask = Callable[..., Any]


@dataclass(frozen=True)
class View:
    """What the mathematics sees of the images of a split: vectors of bytes, and their classes.

    d        bytes of each vector
    classes  labels are from 0 to classes - 1
    mapping  called with blocks and `threads=`, returns the blocks to see in their place, with the
             row numbers that they have; None to see them as they are. It is pickled, and runs
             wherever the blocks are read.
    """

    d: int
    classes: int
    mapping: Callable[..., Blocks] | None = None

    @classmethod
    def of(cls, split: Split) -> Self:
        """Pixels and labels as they are stored."""
        return cls(split.description.d, len(split.description.class_names))

    def of_blocks(self, blocks: Blocks, *, threads: int) -> Blocks:
        """What is seen of them."""
        return self.mapping(blocks, threads=threads) if self.mapping else blocks

    def through(self, task: BlockTask) -> BlockTask:
        """`task`, done with what is seen of the blocks that it is given."""
        return task if self.mapping is None else partial(_do_with_seen, self, task)


def _do_with_seen(view: View, task: BlockTask, blocks: Blocks, *, threads: int) -> Any:
    return task(view.of_blocks(blocks, threads=threads), threads=threads)
