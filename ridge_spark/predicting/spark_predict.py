"""Predictions as a Spark job: every task classifies its blocks and writes one Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ridge_spark.data.dataset import BlockDescriptor, Split, read_block, require_splits
from ridge_spark.data.output import Output, attempt
from ridge_spark.data.same_images import require_same_images
from ridge_spark.data.storage import locate, one_line
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.signals import unless_interrupted
from ridge_spark.engines.spark_session import spark_context, watch
from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.predicting.predict import Answers, Watched
from ridge_spark.printable import without_secrets
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import Float

BLOCKS_OF_A_TASK = 64


def predict_on_spark(
    model: Model, data: str, out: str, partitions: int | None, progress: Progress
) -> Watched:
    """Classify every image of a data set, or of one split; returns how many there were.

    `out` gets Parquet files, in the order of the rows, with the columns that `predict --csv` has:
    `file` (the split), `row` (int64), `label` (the class in the data set), `class` (the predicted),
    `score` (float64, its own), `margin` (how far that is above the second best), `probability`
    (null of a model without), `runner_up` (the second best class), and lists of a float64 for each
    class, `scores` and `probabilities`.
    """
    output = Output(out)
    splits = require_splits(data, data)
    for split in splits:
        require_same_images(split.uri, split.description, model)
    try:
        with spark_context("ridge-spark predict") as sc:
            work = _divide(splits, partitions or sc.defaultParallelism)
            classify_work = partial(_classify, sc.broadcast(model), output.folder, output.writing)
            task = partial(unless_interrupted, classify_work)
            with (
                progress.stage("predict", len(work), "tasks") as advance,
                watch(sc, advance, len(work)),
            ):
                written = sc.parallelize(work, len(work)).map(task).collect()
        for split in splits:
            split.require_unchanged()
        output.keep([name for name, _ in written])
        output.publish()
    except BaseException as error:
        output.remove()
        if isinstance(error, OSError):
            raise InputError(f"--out {out}: can't be written ({one_line(error)})") from error
        raise
    return Watched(
        sum(watched.n for _, watched in written), sum(watched.sums for _, watched in written)
    )


Work = tuple[int, Split, Sequence[BlockDescriptor]]


def _divide(splits: Sequence[Split], workers: int) -> list[Work]:
    """(number, split, some of its blocks) of every task."""
    work: list[Work] = []
    for split in splits:
        parts = max(workers, -(-len(split.blocks) // BLOCKS_OF_A_TASK))
        for blocks in split_evenly(split.blocks, min(parts, len(split.blocks))):
            work.append((len(work), replace(split, blocks=()), blocks))
    return work


def _classify(shared: Any, out: str, writing: str, work: Work) -> tuple[str, Watched]:
    """A task: its blocks to one file; returns the name of it and what was seen."""
    number, split, blocks = work
    model: Model = shared.value
    filesystem, folder = locate(out)
    filesystem.create_dir(folder, recursive=True)
    name, watched = attempt(f"part-{number:07d}", writing), Watched()
    with pq.ParquetWriter(f"{folder}/{name}", _schema(model), filesystem=filesystem) as writer:
        for descriptor in blocks:
            block = read_block(descriptor)
            answers = Answers.of(model, block.images)
            watched.add(answers)
            writer.write_table(_table(model, split, block, answers))
    return name, watched


def _schema(model: Model) -> pa.Schema:
    of_each = pa.list_(pa.float64(), len(model.class_names))
    return pa.schema(
        [
            ("file", pa.string()),
            ("row", pa.int64()),
            ("label", pa.string()),
            ("class", pa.string()),
            ("score", pa.float64()),
            ("margin", pa.float64()),
            ("probability", pa.float64()),
            ("runner_up", pa.string()),
            ("scores", of_each),
            ("probabilities", of_each),
        ]
    )


def _table(model: Model, split: Split, block: Block, found: Answers) -> pa.Table:
    schema, n = _schema(model), len(block.labels)
    names, every = pa.array(model.class_names), np.arange(n)

    def of_each(values: Float | None) -> pa.Array:
        if values is None:
            return pa.nulls(n, schema.field("scores").type)
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])

    proba = found.proba
    columns = [
        pa.repeat(without_secrets(split.uri), n),
        pa.array(block.first_row + every),
        pa.array(split.description.class_names).take(pa.array(block.labels)),
        names.take(pa.array(found.predicted)),
        pa.array(found.scores[every, found.predicted]),
        pa.array(found.margin),
        pa.nulls(n, pa.float64()) if proba is None else pa.array(proba[every, found.predicted]),
        names.take(pa.array(found.runner_up)),
        of_each(found.scores),
        of_each(proba),
    ]
    return pa.table(columns, schema=schema)
