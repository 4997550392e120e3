"""Parquet files with a column of images, as Hugging Face, Spark and pandas write them."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ridge_spark.data.dataset import rows_of_groups
from ridge_spark.data.storage import is_remote, locate, one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.csv_splits import rows_of_splits
from ridge_spark.importing.encoded import Encoded
from ridge_spark.importing.parquet_cells import Cell, cells
from ridge_spark.importing.parquet_columns import Values, find_columns, read_values
from ridge_spark.importing.parquet_folder import Part, RowsFile, find_parts
from ridge_spark.importing.parquet_labels import Labels, agreed_names, require_labels, texts
from ridge_spark.importing.sources import UNLABELLED, class_order, number_labels
from ridge_spark.importing.splits import FOUND

ROWS_AT_A_TIME = 128


@dataclass(frozen=True)
class RowGroup:
    """Where rows with images are; `taken` has which of them are of the split, None for all."""

    uri: str
    path: str
    row_group: int
    image: str  # the name of the column
    rows: int  # that are taken
    taken: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class ParquetSource:
    """The images of Parquet files, in the order of their rows."""

    class_names: tuple[str, ...]
    labels: NDArray[np.int32]
    groups: tuple[RowGroup, ...]
    left_out: Counter[str] = field(default_factory=Counter)
    root: str = ""
    found_as: str = ""  # what names the split, such as a folder or the start of file names
    said: tuple[str, ...] = ()  # what a person should know, for the summary

    def __iter__(self) -> Iterator[Encoded]:
        start = 0
        for group in self.groups:
            labels = iter(self.labels[start : start + group.rows].tolist())
            for row, cell in enumerate(_cells(group)):
                if group.taken is None or group.taken[row]:
                    yield _encoded(group, row, cell, next(labels))
            start += group.rows

    def split(self, parts: int) -> Sequence[ParquetSource]:
        """A part for each row group, however many were asked for."""
        edges = np.cumsum([group.rows for group in self.groups])[:-1]
        return [
            ParquetSource(self.class_names, labels, (group,))
            for group, labels in zip(self.groups, np.split(self.labels, edges), strict=True)
        ]


@dataclass(frozen=True)
class Opened:
    """What is known of a Parquet file before any of its images is read."""

    labels: Labels
    splits: Values | None
    groups: list[int]  # rows of each row group


@dataclass(frozen=True)
class Rows:
    """The rows of a file that are of one split."""

    file: Opened
    taken: NDArray[np.bool_]


def read_parquet(
    uri: str,
    image_column: str | None = None,
    label_column: str | None = None,
    class_names: tuple[str, ...] | None = None,
) -> dict[str, ParquetSource]:
    """The images of a Parquet file, or of a folder of them, by split.

    Files are of the split that their own name or that of a folder above them is; else rows are of
    the one that a column of splits tells; else all are training images.
    """
    left_out: Counter[str] = Counter()
    parts = find_parts(uri, left_out)
    opened = {
        split: [_open(uri, file, image_column, label_column) for file in part.files]
        for split, part in parts.items()
    }
    everything = [file for files in opened.values() for file in files]
    names = agreed_names([file.labels for file in everything])
    _require_bytes(uri, everything[0])
    splits, said = _rows_of_splits(parts, opened)
    sources: dict[str, ParquetSource] = {}
    for split in (name for name in FOUND if name in splits):
        found_as, rows = splits[split]
        source = _source(uri, split, rows, names, class_names, left_out)
        if len(source.labels):
            class_names = class_names or source.class_names
            sources[split] = replace(source, found_as=found_as)
    if not sources:
        raise InputError(f"{uri}: has no rows with a label; a data set needs images with labels")
    first = next(iter(sources))
    sources[first] = replace(sources[first], left_out=+left_out, said=said)
    return sources


def _source(
    uri: str,
    split: str,
    rows: Sequence[Rows],
    names: Sequence[str] | None,
    class_names: tuple[str, ...] | None,
    left_out: Counter[str],
) -> ParquetSource:
    of_kinds: list[list[str | None]] = []
    taken: list[NDArray[np.bool_]] = []
    for some in rows:
        labels = some.file.labels
        of_kind = texts(labels, names, to_train_on=split != "test")
        labelled = np.array([text is not None for text in of_kind] + [False])[labels.values.rows]
        if split == "test":
            left_out[UNLABELLED] += int((some.taken & ~labelled).sum())
        else:
            require_labels(labels, some.taken)
        of_kinds.append(of_kind)
        taken.append(some.taken & labelled)
    if class_names is None:
        class_names = class_order(
            text
            for some, of_kind, chosen in zip(rows, of_kinds, taken, strict=True)
            for kind in np.unique(some.file.labels.values.rows[chosen]).tolist()
            if (text := of_kind[kind]) is not None
        )
    numbers: list[NDArray[np.int32]] = []
    groups: list[RowGroup] = []
    for some, of_kind, chosen in zip(rows, of_kinds, taken, strict=True):
        kinds, which = np.unique(some.file.labels.values.rows[chosen], return_inverse=True)
        found = [of_kind[kind] or "" for kind in kinds.tolist()]
        numbers.append(number_labels(found, class_names, f"{uri} ({split})")[which])
        groups += _groups(uri, some.file, chosen)
    return ParquetSource(class_names, np.concatenate(numbers), tuple(groups), root=uri)


def _groups(uri: str, file: Opened, taken: NDArray[np.bool_]) -> Iterator[RowGroup]:
    start = 0
    for number, rows in enumerate(file.groups):
        some = taken[start : start + rows]
        start += rows
        if some.any():
            yield RowGroup(
                uri, file.labels.path, number, file.labels.columns.image, int(some.sum()),
                None if some.all() else some,
            )  # fmt: skip


def _rows_of_splits(
    parts: Mapping[str, Part], opened: Mapping[str, Sequence[Opened]]
) -> tuple[dict[str, tuple[str, list[Rows]]], tuple[str, ...]]:
    """What names each split and its rows; and what a person should know."""
    files = [file for some in opened.values() for file in some]
    column = files[0].labels.columns.split
    if len(parts) > 1 or parts.keys() != {"train"} or any(not file.splits for file in files):
        return {
            split: (
                parts[split].found_as,
                [Rows(one, np.ones(sum(one.groups), bool)) for one in some],
            )
            for split, some in opened.items()
        }, ()
    found: dict[str, tuple[str, list[Rows]]] = {}
    said: tuple[str, ...] = ()
    for file in files:
        values = file.splits
        assert values is not None
        texts_of_rows = np.array([*map(str, values.kinds), ""])[values.rows]
        rows, said = rows_of_splits(file.labels.path, str(column), texts_of_rows)
        for split, members in rows.items():
            taken = np.zeros(len(values.rows), bool)
            taken[members] = True
            name = "" if said else str(texts_of_rows[members[0]])
            found.setdefault(split, (name, []))[1].append(Rows(file, taken))
    return found, said


def _open(uri: str, file: RowsFile, image: str | None, label: str | None) -> Opened:
    filesystem, _ = locate(uri)
    try:
        with filesystem.open_input_file(file.path) as opened:
            parquet = pq.ParquetFile(opened)
            groups = rows_of_groups(parquet.metadata)
            if sum(groups) > opened.size():  # labels are read as a whole
                raise InputError(
                    f"{file.path}: claims {sum(groups):,} images in {opened.size():,} bytes; "
                    "get the file again"
                )
            columns = find_columns(file, parquet.schema_arrow, image, label)

            def values(name: str) -> Values:
                return read_values(file, name, lambda name: parquet.read([name])[name], sum(groups))

            return Opened(
                Labels(file.path, columns, values(columns.label)),
                values(columns.split) if columns.split else None,
                groups,
            )
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file.path}: not a readable Parquet file ({one_line(error)})") from error


def _require_bytes(uri: str, file: Opened) -> None:
    """`InputError` if the first image has only a path, and there is no such file."""
    for group in _groups(uri, file, np.ones(sum(file.groups), bool)):
        cell = next(_cells(group), Cell(None))
        if cell.data is None and cell.path and _beside(group, cell.path) is None:
            raise InputError(
                f"{group.path}: the images in '{group.image}' have no bytes, only paths such as "
                f"'{cell.path}', and no such file is beside it; write the images into it"
            )
        return


def _encoded(group: RowGroup, row: int, cell: Cell, label: int) -> Encoded:
    if cell.data is None and cell.path and (file := _beside(group, cell.path)):
        return Encoded(file, label, None)
    name = f"{group.path} [row group {group.row_group}, row {row}]"
    return Encoded(name, label, cell.data or b"")


def _beside(group: RowGroup, path: str) -> str | None:
    """The file that a path names in the folder of the Parquet file; never one outside of it."""
    folder = posixpath.dirname(group.path)
    file = posixpath.normpath(posixpath.join(folder, path))
    inside = file.startswith(f"{folder}/") and not is_remote(group.uri)
    return file if inside and Path(file).is_file() else None


def _cells(group: RowGroup) -> Iterator[Cell]:
    filesystem, _ = locate(group.uri)
    try:
        with filesystem.open_input_file(group.path) as file:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(
                ROWS_AT_A_TIME, [group.row_group], [group.image], use_threads=False
            ):
                yield from cells(batch.column(0), f"{group.path} ['{group.image}']")
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{group.path}: can't be read ({one_line(error)})") from error
