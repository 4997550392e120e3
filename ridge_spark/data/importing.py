"""Importing on this machine: images prepared by all cores, in order, in constant memory."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import SPLITS, Description
from ridge_spark.data.decoding import Decoder, Prepared, Tally
from ridge_spark.data.import_options import ImportOptions
from ridge_spark.data.sources import Source, batches
from ridge_spark.data.worker import end_with_the_parent
from ridge_spark.data.writer import DatasetWriter, PartWriter
from ridge_spark.errors import InputError

FEWEST_FOR_WORKERS = 500  # below, starting processes takes longer than they save
AHEAD = 3  # batches under way for each worker

Advance = Callable[[int], None]


@dataclass
class Report:
    """What an import wrote and what it came across; `counts` is (classes,) for each split."""

    description: Description
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, counts: Mapping[str, NDArray[np.int64]], tally: Tally) -> None:
        for split, numbers in counts.items():
            self.counts[split] = self.counts.get(split, 0) + numbers
        self.tally += tally

    def require_all_classes(self) -> None:
        """`InputError` unless every class has images to train on."""
        empty = np.flatnonzero(self.counts["train"] == 0)
        if len(empty):
            raise InputError(
                f"{self.description.source}: class '{self.description.class_names[empty[0]]}' is "
                "empty, none of its images are left to train on; add some, or lower --test-split"
            )


def import_encoded(
    uri: str,
    splits: Mapping[str, Source],
    options: ImportOptions,
    workers: int,
    advance: Advance,
    like: Description | None = None,
) -> Report:
    """Write the data set `uri` from encoded images; with `like`, prepared as that one is."""
    decoders = make_decoders(splits, options, like)
    streams = {split: prepare(source, decoders[split], workers) for split, source in splits.items()}
    description = describe(splits["train"], decoders["train"])
    report = write_prepared(uri, description, streams, advance, complete=like is None)
    for source in splits.values():
        report.left_out.update(source.left_out)
    return report


def make_decoders(
    splits: Mapping[str, Source], options: ImportOptions, like: Description | None
) -> dict[str, Decoder]:
    """The decoder of each split; all prepare alike, and only training images are split further."""
    train = splits["train"]
    if like is None:
        require_two_classes(train.class_names, train.root)
    decoder = options.decoder(train, like)
    return {
        split: replace(
            decoder, root=source.root, test_split=options.test_split if split == "train" else 0.0
        )
        for split, source in splits.items()
    }


def describe(train: Source, decoder: Decoder) -> Description:
    """The description of the data set that a decoder makes of a source."""
    prepared = decoder.preparation
    return Description(prepared.shape, train.class_names, train.root, prepared.to_dict())


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
            for prepared in stream:
                counts = append(writer, split, prepared)
                report.add(counts, prepared.tally)
                advance(prepared.visited)
        if complete:
            report.require_all_classes()
    return report


def append(writer: PartWriter, split: str, prepared: Prepared) -> dict[str, NDArray[np.int64]]:
    """Write a batch, what is held out to the test split; returns the images of each class."""
    classes, counts = len(writer.description.class_names), {}
    for name, rows in ((split, ~prepared.held_out), (SPLITS[1], prepared.held_out)):
        if name == split or rows.any():
            writer.append(name, prepared.images[rows], prepared.labels[rows])
            counts[name] = np.bincount(prepared.labels[rows], minlength=classes)
    return counts


def prepare(source: Source, decoder: Decoder, workers: int) -> Iterator[Prepared]:
    """Decode the images of a source in its order, on that many processes."""
    work = batches(source, decoder.batch_size)
    if workers == 1 or len(source.labels) < FEWEST_FOR_WORKERS:
        yield from map(decoder, work)
        return
    # Not forked: the threads that Arrow and BLAS have in this process would be lost half-way.
    spawn = multiprocessing.get_context("spawn")
    starting = ThreadPoolExecutor(1, initializer=_block_interrupts)
    with starting, ProcessPoolExecutor(workers, spawn, end_with_the_parent) as pool:
        under_way: deque[Future[Prepared]] = deque()
        try:
            for batch in work:
                under_way.append(starting.submit(pool.submit, decoder, batch).result())
                if len(under_way) > AHEAD * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as error:  # killed from outside, as a rule for its memory
            raise MemoryError from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _block_interrupts() -> None:
    """In the thread that starts the workers: Ctrl-C and SIGTERM are for the main thread alone.

    They may reach every process. A worker inherits what is blocked where it is started, and so
    never sees them: neither while it loads its modules, nor half-way through an answer, for whose
    end the parent would wait. And Python interrupts no other thread in starting a worker.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
