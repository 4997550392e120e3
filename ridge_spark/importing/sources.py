"""Encoded images with labels, as the readers of folders, CSV and Parquet hand them over."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.importing.encoded import Encoded

UNLABELLED = "test images without a label"
NAMES_AT_A_TIME = 256  # made Python's own: quicker than one by one, and all would take much memory


class Source(Protocol):
    """One split of labelled images in files, before any image has been opened."""

    root: str  # what the names start from
    class_names: tuple[str, ...]
    labels: NDArray[np.int32]  # (n,), numbers of classes
    left_out: Counter[str]  # what else was found there, and how often
    found_as: str  # what names the split there, a folder as a rule; empty where nothing does
    said: tuple[str, ...]  # what a person should know, for the summary

    def __iter__(self) -> Iterator[Encoded]: ...

    def split(self, parts: int) -> Iterable[Source]:
        """The same images in order, in about that many parts, each small enough to send."""


@dataclass(frozen=True)
class FileSource:
    """Image files below `root`, in an order in which the classes are well mixed.

    A hash of the name decides the order, so that the first N images are a fair sample of all
    whatever the listing said, and the data set does not depend on the file system.
    """

    root: str
    class_names: tuple[str, ...]
    names: pa.StringArray  # of files, relative to `root`; Arrow holds millions compactly
    labels: NDArray[np.int32]
    left_out: Counter[str] = field(default_factory=Counter)
    found_as: str = ""
    said: tuple[str, ...] = ()

    @classmethod
    def mixed(
        cls,
        root: str,
        class_names: tuple[str, ...],
        names: Sequence[str],
        labels: NDArray[np.int32],
        left_out: Counter[str],
        found_as: str = "",
        said: tuple[str, ...] = (),
    ) -> FileSource:
        order = np.argsort(_hashes(names), kind="stable")
        mixed = pa.array([names[place] for place in order.tolist()], pa.string())
        return cls(root, class_names, mixed, labels[order], left_out, found_as, said)

    def __iter__(self) -> Iterator[Encoded]:
        for start in range(0, len(self.names), NAMES_AT_A_TIME):
            some = slice(start, start + NAMES_AT_A_TIME)
            names, labels = self.names[some].to_pylist(), self.labels[some].tolist()
            yield from map(Encoded, names, labels, itertools.repeat(None))

    def split(self, parts: int) -> Iterator[FileSource]:
        n = len(self.labels)
        edges = [n * part // parts for part in range(parts + 1)]
        for a, b in itertools.pairwise(edges):
            if a < b:
                names = pa.concat_arrays([self.names[a:b]])  # a copy: a slice travels as a whole
                yield FileSource(self.root, self.class_names, names, self.labels[a:b])


def batches(items: Iterable[Encoded], size: int) -> Iterator[list[Encoded]]:
    """The images in lists of `size`; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of classes in order: as numbers if all are numbers, else by the alphabet.

    Names of one number, such as 1 and 01, are in the order of the alphabet among themselves.
    """
    found = sorted(set(names))
    return tuple(sorted(found, key=int) if all(map(_is_number, found)) else found)


def number_labels(
    values: Sequence[str], class_names: tuple[str, ...], name: str
) -> NDArray[np.int32]:
    """The number of each label among `class_names`; `InputError` names one that is not there."""
    number_of = {value: number for number, value in enumerate(class_names)}
    unknown = next((value for value in values if value not in number_of), None)
    if unknown is not None:
        raise InputError(
            f"{name}: label '{unknown}' is out of range: not among the classes "
            f"{', '.join(class_names[:20])}"
        )
    return np.fromiter((number_of[value] for value in values), np.int32, len(values))


def _is_number(name: str) -> bool:
    return len(name) <= 99 and name.isascii() and name.removeprefix("-").isdecimal()


def _hashes(names: Sequence[str]) -> NDArray[np.uint64]:
    digests = (hashlib.sha256(name.encode()).digest()[:8] for name in names)
    return np.frombuffer(b"".join(digests), "<u8")
