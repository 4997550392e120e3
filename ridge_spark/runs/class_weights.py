"""How often the images of each class count: as if each were there that many times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ridge_spark.engines.view import Blocks
from ridge_spark.errors import InputError
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.weights import balanced_weights
from ridge_spark.runs.options import BALANCED, ClassWeight

Int64 = NDArray[np.int64]


def resolve(
    asked: ClassWeight, class_names: Sequence[str], counts: Callable[[], Int64]
) -> tuple[int, ...]:
    """The weight of each class, by what was asked for; `counts` are asked for balanced ones alone.

    `InputError` for a class that there is not.
    """
    if asked == BALANCED:
        return tuple(balanced_weights(counts()).tolist())
    assert isinstance(asked, Mapping)
    unknown = [name for name in asked if name not in class_names]
    if unknown:
        raise InputError(
            f"--class-weight: there is no class '{unknown[0]}'; there are {', '.join(class_names)}"
        )
    return tuple(asked.get(name, 1) for name in class_names)


@dataclass(frozen=True)
class Weighted:
    """A mapping of blocks for a `View`: what `mapping` makes of them, and how often each counts."""

    weights: tuple[int, ...]
    mapping: Callable[..., Blocks] | None = None

    def __call__(self, blocks: Blocks, *, threads: int) -> Iterator[Block]:
        times = np.array(self.weights, np.int64)
        for block in self.mapping(blocks, threads=threads) if self.mapping else blocks:
            yield replace(block, times=times[block.labels])


def images_of(counts: Int64, weights: Sequence[int] | None) -> Int64:
    """Images of each class, of `counts` in which each is as often as its class weighs."""
    return counts if weights is None else counts // np.array(weights, np.int64)


def in_words(weights: Mapping[str, int]) -> str:
    """`5 counts 22 times`, for the classes that count more than once."""
    more = [f"'{name}' {weight} times" for name, weight in weights.items() if weight > 1]
    return f"images count once, those of {', '.join(more)}"


def weight_warnings(
    counts: Int64, weights: Sequence[int] | None, class_names: Sequence[str]
) -> tuple[str, ...]:
    """A line where an update kept weights that are no longer those that balance its classes."""
    if weights is None:
        return ()
    now = balanced_weights(images_of(counts, weights)).tolist()
    if list(weights) == now:
        return ()
    kept = in_words(dict(zip(class_names, weights, strict=True)))
    return (
        f"class weights are kept from the run ({kept}); of the images that there are now, balanced "
        f"ones are {', '.join(map(str, now))}: train again to have other weights",
    )
