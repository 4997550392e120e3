"""An import as a Spark job: every task decodes its share of the images into its own shards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ridge_spark.data.dataset import Description
from ridge_spark.data.decoding import Decoder
from ridge_spark.data.import_options import ImportOptions
from ridge_spark.data.importing import Report, append, describe, make_decoders
from ridge_spark.data.sources import Source, batches
from ridge_spark.data.writer import DatasetWriter, PartWriter
from ridge_spark.engines.progress import Progress
from ridge_spark.engines.spark_session import spark_context, watch

IMAGES_OF_A_TASK = 5_000  # at most: a task takes a minute or so, and no more than that is repeated


@dataclass(frozen=True)
class Share:
    """The images of one task; `number` orders its shards among those of the others."""

    split: str
    number: int
    source: Source
    decoder: Decoder


def import_on_spark(
    uri: str,
    splits: Mapping[str, Source],
    options: ImportOptions,
    like: Description | None,
    partitions: int | None,
    progress: Progress,
) -> Report:
    """Write the data set `uri`; its rows are those a local import writes, in the same order."""
    decoders = make_decoders(splits, options, like)
    description = describe(splits["train"], decoders["train"])
    report = Report(description)
    with DatasetWriter(uri, description) as writer:
        with spark_context("ridge-spark import") as sc:
            shares = _shares(splits, decoders, partitions or sc.defaultParallelism)
            task = partial(_import_share, writer.unfinished, description)
            with progress.stage("import", len(shares), "tasks") as advance, watch(sc, advance):
                for part in sc.parallelize(shares, len(shares)).map(task).collect():
                    report.add(part.counts, part.tally)
        if like is None:
            report.require_all_classes()
    for source in splits.values():
        report.left_out.update(source.left_out)
    return report


def _shares(
    splits: Mapping[str, Source], decoders: Mapping[str, Decoder], workers: int
) -> list[Share]:
    shares: list[Share] = []
    for split, source in splits.items():
        parts = max(workers, math.ceil(len(source.labels) / IMAGES_OF_A_TASK))
        for part in source.split(parts):
            shares.append(Share(split, len(shares), part, decoders[split]))
    return shares


def _import_share(uri: str, description: Description, share: Share) -> Report:
    """A task. One that is repeated writes the same shards under the same names."""
    report = Report(description)
    writer = PartWriter(uri, description, f"part-{share.number:07d}")
    for batch in batches(share.source, share.decoder.batch_size):
        prepared = share.decoder(batch)
        report.add(append(writer, share.split, prepared), prepared.tally)
    writer.close()
    return report
