"""How tasks of Spark hand over packed statistics, which may be hundreds of megabytes each.

Where all of Spark is on one machine, as files, which the driver adds up; elsewhere strip by strip,
each added up by one task. Whole, they would not fit a JVM.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import BlockDescriptor
from ridge_spark.data.storage import one_line
from ridge_spark.engines.engine import add
from ridge_spark.errors import InputError
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.kernel.upper import Upper, narrowed
from ridge_spark.ridge.packed import PackedStatistics

Read = Callable[[BlockDescriptor], Block]
Key = tuple[int, int]  # group, strip


@dataclass(frozen=True)
class Stored:
    """Packed statistics whose X'X is in a file."""

    counts: NDArray[np.int64]
    sums: NDArray[np.int64]
    path: Path
    strips: list[tuple[np.dtype[Any], tuple[int, ...]]]

    def take(self) -> PackedStatistics:
        """Read the file, and remove it."""
        with self.path.open("rb") as file:
            strips = [
                np.fromfile(file, dtype, shape[0] * shape[1]).reshape(shape)
                for dtype, shape in self.strips
            ]
        self.path.unlink()
        return PackedStatistics(self.counts, self.sums, Upper(self.sums.shape[1], strips))


def store(
    read: Read, task: Any, threads: int, folder: Path, blocks: Sequence[BlockDescriptor]
) -> list[Stored]:
    """What a worker does: the statistics of each group, in files of names of their own."""
    found = []
    for group in task.value(map(read, blocks), threads=threads):
        path = folder / uuid.uuid4().hex
        try:
            with path.open("xb") as file:
                for strip in group.gram.strips:
                    strip.tofile(file)
        except OSError as error:
            raise InputError(
                f"{folder}: X'X can't be written there ({one_line(error)}); make room, or set "
                "TMPDIR to a larger disk"
            ) from error
        about = [(strip.dtype, strip.shape) for strip in group.gram.strips]
        found.append(Stored(group.counts, group.sums, path, about))
    return found


def in_strips(
    read: Read, task: Any, threads: int, blocks: Sequence[BlockDescriptor]
) -> list[tuple[Key, Any]]:
    """What a worker does: the counts and sums of each group as its strip -1, then its strips."""
    found: list[tuple[Key, Any]] = []
    for number, group in enumerate(task.value(map(read, blocks), threads=threads)):
        found.append(((number, -1), [group.counts, group.sums]))
        found += (((number, k), strip) for k, strip in enumerate(group.gram.strips))
    return found


def add_up(pairs: Iterable[tuple[Key, Any]]) -> Iterator[tuple[Key, Any]]:
    """The sums of what has the same key."""
    found: dict[Key, Any] = {}
    for key, value in pairs:
        if key not in found:
            found[key] = value
        elif key[1] < 0:
            found[key] = add(found[key], value)
        else:
            found[key] = narrowed(np.add(found[key], value, dtype=np.int64, casting="unsafe"))
    yield from found.items()


def assembled(pairs: Iterable[tuple[Key, Any]], groups: int) -> list[PackedStatistics]:
    """The statistics of each group from all (key, sum), in any order."""
    found = dict(pairs)
    last = max(k for _, k in found)
    return [
        PackedStatistics(counts, sums, Upper(sums.shape[1], strips))
        for group in range(groups)
        for counts, sums in [found[group, -1]]
        for strips in [[found.pop((group, k)) for k in range(last + 1)]]
    ]
