"""The Spark outer engine: X whole on every worker, sent once as bytes, mapped by all its tasks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from pyspark import SparkContext, SparkFiles

from ridge_spark.data.dataset import BlockDescriptor, Split, read_block
from ridge_spark.data.scratch import Scratch
from ridge_spark.data.storage import one_line
from ridge_spark.engines.engine import add
from ridge_spark.engines.partition import split_evenly
from ridge_spark.engines.spark import Read, SparkEngine
from ridge_spark.errors import InputError
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Scored
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import score_held_out
from ridge_spark.ridge.threads import blas_threads


@dataclass(frozen=True)
class SharedImages:
    """Images that Spark has put on every node as files: tasks map them, none has its own copy."""

    images: str  # names of the files, as SparkFiles knows them, or whole paths
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

    The driver streams the images to a file, which Spark hands to each executor once and from disk,
    and which on one machine is read where it is: neither the driver nor a JVM ever holds them in
    memory, and the Python workers of a node share the pages of one mapping.
    """

    name = "outer"
    whole_x = True

    def __init__(
        self,
        sc: SparkContext,
        train: Split,
        test: Split | None,
        partitions: int | None,
        progress: Progress,
    ) -> None:
        super().__init__(sc, train, test, partitions, progress)
        self._folder = Scratch()
        self._copies: list[Path] = []
        splits = [split for split in (train, test) if split]
        try:
            with progress.stage("broadcast", sum(split.rows for split in splits)) as advance:
                self._shared = _share(sc, self._folder.path, splits, advance)
            names = (self._shared.images, self._shared.labels)
            self._copies = [Path(SparkFiles.get(name)) for name in names]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the file of all images; until now, executors may have come to fetch it.

        A driver on a cluster has a copy of its own besides, which Spark would keep as it runs.
        """
        self._folder.close()
        for copy in self._copies:
            copy.unlink(missing_ok=True)

    def reader(self) -> Read:
        return self._shared.read

    def score(self, folds: Folds, candidates: Mapping[int, Weights]) -> Scored:
        """The loop the engine is named after: (fold, λ) pairs in tasks, a few λ to each.

        Where what is seen of the images has to be made, tasks are blocks, so that it is made once.
        """
        if self.view.mapping:
            return super().score(folds, candidates)
        L = len(candidates[0].coef)
        grid = split_evenly(range(L), min(L, -(-self.workers // folds.held_out)))
        pairs = [
            (group, slice(run[0], run[-1] + 1)) for group in range(folds.held_out) for run in grid
        ]
        sampling = self.sampling(folds, candidates)
        work = (self.train.blocks, folds, dict(candidates), sampling)
        shared = self.sc.broadcast(work)
        with self._stage("score", len(pairs), self.train.rows, len(pairs)) as (record, read):
            task = partial(_score_pair, read, shared, self.threads)
            found = self.sc.parallelize(pairs, len(pairs)).map(record(task)).collect()
        of_groups = [
            Scored.side_by_side(found[i : i + len(grid)]) for i in range(0, len(found), len(grid))
        ]
        return reduce(add, of_groups).in_order()


def _share(sc: SparkContext, folder: Path, splits: Sequence[Split], advance: Any) -> SharedImages:
    run = uuid.uuid4().hex[:12]
    images, labels = folder / f"images-{run}.u8", folder / f"labels-{run}.i32"
    first_row, rows = {}, 0
    try:
        with open(images, "wb") as image_file, open(labels, "wb") as label_file:
            for descriptor in chain.from_iterable(split.blocks for split in splits):
                block = read_block(descriptor)
                image_file.write(block.images.data)
                label_file.write(block.labels.astype(np.int32).data)
                first_row[descriptor.path, descriptor.row_group] = rows
                rows += descriptor.rows
                advance(descriptor.rows)
    except OSError as error:
        raise InputError(
            f"{folder}: all images can't be written there ({one_line(error)}); make room, set "
            "TMPDIR to a larger disk, or use the inner job"
        ) from error
    d = splits[0].description.d
    if str(sc.master).startswith("local"):  # whole paths, which SparkFiles leaves as they are
        return SharedImages(str(images), str(labels), first_row, d)
    sc.addFile(str(images))
    sc.addFile(str(labels))
    return SharedImages(images.name, labels.name, first_row, d)


def _score_pair(read: Read, shared: Any, threads: int, pair: tuple[int, slice]) -> Scored:
    """Score one held-out group with a run of λ; images are kept by the first run alone."""
    blocks, folds, candidates, sampling = shared.value
    group, run = pair
    weights = candidates[group]
    part = {group: Weights(weights.coef[run], weights.intercept[run])}
    if run.start:
        sampling = replace(sampling, images=0.0)
    with blas_threads(threads):
        return score_held_out(map(read, blocks), folds, part, sampling, threads=threads)
