"""The Spark outer engine: X whole on every worker, sent once as bytes, mapped by all its tasks."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark import SparkContext, SparkFiles

from ridge_spark.data.dataset import BlockDescriptor, Split, read_block
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.spark import Read, SparkEngine
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import group_correct


@dataclass(frozen=True)
class SharedImages:
    """Images that Spark has put on every node as files: tasks map them, none has its own copy."""

    images: str  # names of the files, as SparkFiles knows them
    labels: str
    first_row: dict[tuple[str, int], int]  # in these files, of a row group of a shard
    d: int

    def read(self, block: BlockDescriptor) -> Block:
        first = self.first_row[block.path, block.row_group]
        rows = slice(first, first + block.rows)
        images = np.memmap(SparkFiles.get(self.images), np.uint8, "r").reshape(-1, self.d)
        labels = np.memmap(SparkFiles.get(self.labels), np.int32, "r")
        return Block(block.first_row, images[rows], labels[rows])


class OuterEngine(SparkEngine):
    """Every worker has all images, so that any pair of a fold and a λ can be a task anywhere.

    The driver streams the images to a file, which Spark hands to each executor once and from disk:
    neither the driver nor a JVM ever holds them in memory, and the Python workers of a node share
    the pages of one mapping.
    """

    name = "outer"

    def __init__(
        self,
        sc: SparkContext,
        train: Split,
        test: Split | None,
        partitions: int | None,
        progress: Progress,
    ) -> None:
        super().__init__(sc, train, test, partitions, progress)
        self._folder = tempfile.TemporaryDirectory(prefix="ridge-spark-")
        splits = [split for split in (train, test) if split]
        with progress.stage("broadcast", sum(split.rows for split in splits)) as advance:
            self._shared = _share(sc, Path(self._folder.name), splits, advance)

    def reader(self) -> Read:
        return self._shared.read

    def score(self, folds: Folds, candidates: Mapping[int, Weights]) -> NDArray[np.int64]:
        """The loop the engine is named after: (fold, λ) pairs in tasks, a few λ to each."""
        L = len(candidates[0].coef)
        shared = self.sc.broadcast(dict(candidates))
        chunks = split_evenly(range(L), min(L, -(-self.workers // folds.held_out)))
        work = list(product(range(folds.held_out), chunks))
        task = partial(
            _correct_of_pairs,
            self.reader(),
            self.train.blocks,
            shared,
            folds,
            self.threads,
        )
        return self._sum("score", work, task)


def _share(sc: SparkContext, folder: Path, splits: Sequence[Split], advance: Any) -> SharedImages:
    run = uuid.uuid4().hex[:12]
    images, labels = folder / f"images-{run}.u8", folder / f"labels-{run}.i32"
    first_row, rows = {}, 0
    with open(images, "wb") as image_file, open(labels, "wb") as label_file:
        for split in splits:
            for descriptor in split.blocks:
                block = read_block(descriptor)
                image_file.write(block.images.data)
                label_file.write(block.labels.astype(np.int32).data)
                first_row[descriptor.path, descriptor.row_group] = rows
                rows += descriptor.rows
                advance(descriptor.rows)
    sc.addFile(str(images))
    sc.addFile(str(labels))
    return SharedImages(images.name, labels.name, first_row, splits[0].description.d)


def _correct_of_pairs(
    read: Read,
    blocks: Sequence[BlockDescriptor],
    shared: Any,
    folds: Folds,
    threads: int,
    pairs: tuple[int, range],
) -> NDArray[np.int64]:
    """Score one held-out group with a run of λ; zeros for all other pairs."""
    group, chosen = pairs
    lambdas = slice(chosen.start, chosen.stop)
    weights = shared.value[group]
    part = Weights(weights.coef[lambdas], weights.intercept[lambdas])
    correct = np.zeros((folds.held_out, len(weights.coef)), np.int64)
    correct[group, lambdas] = group_correct(
        map(read, blocks), folds, {group: part}, threads=threads
    )[group]
    return correct
