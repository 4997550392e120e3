"""What every import has in common: writing prepared images, and the report of what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import SPLITS, Description
from ridge_spark.data.manifest import Shard
from ridge_spark.data.writer import DatasetWriter, PartWriter
from ridge_spark.errors import InputError
from ridge_spark.importing.decoding import Prepared, Tally
from ridge_spark.importing.splits import written_to

Advance = Callable[[int], None]


@dataclass
class Report:
    """What an import wrote and what it came across.

    `counts` is (classes,) for each split of the source that was written, 'validation' among them,
    and for 'test', which held out images are of. `said` is for a person, a sentence a line.
    `shards` are those of a part, for the manifest of the whole.
    """

    description: Description
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    left_out: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    shards: dict[str, list[Shard]] = field(default_factory=dict)

    @property
    def written(self) -> dict[str, int]:
        """Images in each split of the data set."""
        images: Counter[str] = Counter()
        for split, numbers in self.counts.items():
            images[written_to(split)] += int(numbers.sum())
        return {split: images[split] for split in SPLITS if images[split]}

    def add(self, counts: Mapping[str, NDArray[np.int64]], tally: Tally) -> None:
        for split, numbers in counts.items():
            self.counts[split] = self.counts.get(split, 0) + numbers
        self.tally += tally

    def require_all_classes(self) -> None:
        """`InputError` unless every class has images to train on."""
        trained_on = [n for split, n in self.counts.items() if written_to(split) == "train"]
        empty = np.flatnonzero(np.sum(trained_on, axis=0) == 0)
        if len(empty):
            raise InputError(
                f"{self.description.source}: class '{self.description.class_names[empty[0]]}' is "
                "empty, none of its images are left to train on; add some, or lower --test-split"
            )


def require_two_classes(class_names: tuple[str, ...], source: str) -> None:
    if len(class_names) < 2:
        raise InputError(
            f"{source}: all images have the same label, '{class_names[0]}'; a classifier needs at "
            "least two classes (to add to one that exists, give its data set or run with --like)"
        )


def write_prepared(
    uri: str,
    description: Description,
    streams: Mapping[str, Iterable[Prepared]],
    advance: Advance,
    *,
    complete: bool = True,
) -> Report:
    """Write the data set `uri`; if it is to be `complete`, every class must have images in it."""
    report = Report(description)
    with DatasetWriter(uri, description) as writer:
        for split, stream in streams.items():
            append_all(writer, split, stream, report, advance)
        if complete:
            report.require_all_classes()
    return report


def append_all(
    writer: PartWriter, split: str, stream: Iterable[Prepared], report: Report, advance: Advance
) -> None:
    """Write the batches of a stream, add them to `report`, and tell `advance` of each."""
    for prepared in stream:
        report.add(_append(writer, split, prepared), prepared.tally)
        advance(prepared.visited)


def _append(writer: PartWriter, split: str, prepared: Prepared) -> dict[str, NDArray[np.int64]]:
    """Write a batch, what is held out to the test split; returns the images of each class."""
    classes, counts = len(writer.description.class_names), {}
    parts = [(split, ~prepared.held_out)]
    if prepared.held_out.any():
        parts.append(("test", prepared.held_out))
    for name, rows in parts:
        writer.append(written_to(name), prepared.images[rows], prepared.labels[rows])
        counts[name] = np.bincount(prepared.labels[rows], minlength=classes)
    return counts
