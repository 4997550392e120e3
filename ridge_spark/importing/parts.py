"""An import in shares of the images: who imports one writes it, into shards of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import DatasetWriter, PartWriter
from ridge_spark.importing.decoding import Decoder
from ridge_spark.importing.options import ImportOptions
from ridge_spark.importing.report import Advance, Report, append_all, require_two_classes
from ridge_spark.importing.sources import Source, batches

IMAGES_OF_A_SHARE = 5_000  # at most: it takes a minute or so, and no more than that is repeated


@dataclass(frozen=True)
class Share:
    """Some images of a split; `number` orders its shards among those of the others."""

    split: str  # of the source
    number: int
    source: Source
    decoder: Decoder


class Task(Protocol):
    """`import_share`, of one data set."""

    def __call__(self, share: Share, advance: Advance = ...) -> Report: ...


ShareOut = Callable[[int, int], Iterator[Share]]  # `share_out`, of one source
Engine = Callable[[Task, ShareOut], Iterable[Report]]  # gets every share done


def import_encoded(
    uri: str,
    splits: Mapping[str, Source],
    options: ImportOptions,
    like: Description | None,
    engine: Engine,
) -> Report:
    """Write the data set `uri` from encoded images; with `like`, prepared as that one is."""
    decoders = make_decoders(splits, options, like)
    first = next(iter(splits))
    description = describe(splits[first], decoders[first], like)
    report = Report(description)
    with DatasetWriter(uri, description) as writer:
        task = partial(import_share, writer.unfinished, writer.writing, description)
        for part in engine(task, partial(share_out, splits, decoders)):
            report.add(part.counts, part.tally)
            writer.include(part.shards)
        if like is None:
            report.require_all_classes()
    for source in splits.values():
        report.left_out.update(source.left_out)
    return report


def make_decoders(
    splits: Mapping[str, Source], options: ImportOptions, like: Description | None
) -> dict[str, Decoder]:
    """The decoder of each split; all prepare alike, and only training images are split further."""
    first = next(iter(splits.values()))
    if like is None:
        require_two_classes(first.class_names, first.root)
    decoder = options.decoder(first, like)
    return {
        split: replace(decoder, root=source.root, test_split=options.held_out_of(split))
        for split, source in splits.items()
    }


def describe(source: Source, decoder: Decoder, like: Description | None) -> Description:
    """The description of the data set that a decoder makes of a source; prepared as `like`, if so.

    What was made of arrays says nothing of its preparation, and neither does what is made like it.
    """
    prepared = decoder.preparation
    preparation = prepared.to_dict() if like is None else like.preparation
    return Description(prepared.shape, source.class_names, source.root, preparation)


def share_out(
    splits: Mapping[str, Source], decoders: Mapping[str, Decoder], workers: int, fewest: int
) -> Iterator[Share]:
    """The shares in order: as many for each worker, unless they would have under `fewest` images.

    All have about the same number of images, so that the workers come to an end together.
    """
    number = 0
    for split, source in splits.items():
        images = len(source.labels)
        needed = max(1, min(workers, images // fewest))
        rounds = max(1, math.ceil(images / (needed * IMAGES_OF_A_SHARE)))
        for part in source.split(needed * rounds):
            yield Share(split, number, part, decoders[split])
            number += 1


def import_share(
    uri: str,
    writing: str,
    description: Description,
    share: Share,
    advance: Advance = lambda _: None,
) -> Report:
    """Write the shards of a share; done once more, it writes the same under other names."""
    report = Report(description)
    with PartWriter(uri, description, f"part-{share.number:07d}", writing) as writer:
        prepared = map(share.decoder, batches(share.source, share.decoder.batch_size))
        append_all(writer, share.split, prepared, report, advance)
    report.shards = writer.shards
    return report
