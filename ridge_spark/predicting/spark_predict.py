"""Predictions as a Spark job: every task classifies its blocks and writes one Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ridge_spark.data.dataset import BlockDescriptor, Split, find_splits, read_block
from ridge_spark.data.output import Output, attempt
from ridge_spark.data.same_images import require_same_images
from ridge_spark.data.storage import locate, one_line
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.signals import unless_interrupted
from ridge_spark.engines.spark_session import spark_context, watch
from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.predicting.predict import classify
from ridge_spark.progress import Progress

BLOCKS_OF_A_TASK = 64


def predict_on_spark(
    model: Model, data: str, out: str, partitions: int | None, progress: Progress
) -> int:
    """Classify every image of a data set, or of one split; returns how many there were.

    `out` gets Parquet files with the columns `split`, `row` (int64, of the split), `label` (int32,
    as in the data set), `class` (the name predicted), `margin` (float64, how far its score is above
    the second best) and `scores` (a float64 for each class), in the order of the rows.
    """
    output = Output(out)
    splits = find_splits(data)
    if not splits:
        raise InputError(f"{data}: not a data set; make one with ridge-spark import")
    for split in splits:
        require_same_images(split.uri, split.description, model)
    try:
        with spark_context("ridge-spark predict") as sc:
            work = _divide(splits, partitions or sc.defaultParallelism)
            classify_work = partial(_classify, sc.broadcast(model), output.folder, output.writing)
            task = partial(unless_interrupted, classify_work)
            with progress.stage("predict", len(work), "tasks") as advance, watch(sc, advance):
                written = sc.parallelize(work, len(work)).map(task).collect()
        output.keep([name for name, _ in written])
        output.publish()
    except BaseException as error:
        output.remove()
        if isinstance(error, OSError):
            raise InputError(f"--out {out}: can't be written ({one_line(error)})") from error
        raise
    return sum(rows for _, rows in written)


Work = tuple[int, str, Sequence[BlockDescriptor]]


def _divide(splits: Sequence[Split], workers: int) -> list[Work]:
    """(number, name of the split, blocks) of every task."""
    work: list[Work] = []
    for split in splits:
        parts = max(workers, -(-len(split.blocks) // BLOCKS_OF_A_TASK))
        for blocks in split_evenly(split.blocks, min(parts, len(split.blocks))):
            work.append((len(work), split.uri.rstrip("/").rpartition("/")[2], blocks))
    return work


def _classify(shared: Any, out: str, writing: str, work: Work) -> tuple[str, int]:
    """A task: its blocks to one file; returns the name of it and its rows."""
    number, split, blocks = work
    model: Model = shared.value
    filesystem, folder = locate(out)
    filesystem.create_dir(folder, recursive=True)
    name, rows = attempt(f"part-{number:07d}", writing), 0
    with pq.ParquetWriter(f"{folder}/{name}", _schema(model), filesystem=filesystem) as writer:
        for descriptor in blocks:
            block = read_block(descriptor)
            writer.write_table(_table(model, split, block.first_row, block))
            rows += len(block.labels)
    return name, rows


def _schema(model: Model) -> pa.Schema:
    scores = pa.list_(pa.float64(), len(model.class_names))
    return pa.schema(
        [
            ("split", pa.string()),
            ("row", pa.int64()),
            ("label", pa.int32()),
            ("class", pa.string()),
            ("margin", pa.float64()),
            ("scores", scores),
        ]
    )


def _table(model: Model, split: str, first_row: int, block: Any) -> pa.Table:
    scores = model.decision_function(block.images)
    predicted, margins = classify(scores)
    n = len(scores)
    columns = [
        pa.repeat(split, n),
        pa.array(np.arange(first_row, first_row + n)),
        pa.array(block.labels),
        pa.array(model.class_names).take(pa.array(predicted)),
        pa.array(margins),
        pa.FixedSizeListArray.from_arrays(pa.array(scores.reshape(-1)), scores.shape[1]),
    ]
    return pa.table(columns, schema=_schema(model))
