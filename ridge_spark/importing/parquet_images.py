"""Parquet files with a column of encoded images, as Hugging Face data sets have."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from ridge_spark.data.storage import locate, one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.csv_columns import LABELS as LABEL_NAMES
from ridge_spark.importing.encoded import Encoded
from ridge_spark.importing.sources import class_order, number_labels

LABEL_COLUMNS = (*LABEL_NAMES, "fine_label")
ROWS_AT_A_TIME = 128


@dataclass(frozen=True)
class RowGroup:
    """Where rows with images are."""

    uri: str
    path: str
    row_group: int
    image: str  # names of the columns
    label: str
    rows: int


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
            labels = self.labels[start : start + group.rows]
            for row, (label, data) in enumerate(zip(labels, _images(group), strict=True)):
                name = f"{group.path} [row group {group.row_group}, row {row}]"
                yield Encoded(name, int(label), data or b"")
            start += group.rows

    def split(self, parts: int) -> Sequence[ParquetSource]:
        """A part for each row group, however many were asked for."""
        edges = np.cumsum([group.rows for group in self.groups])[:-1]
        return [
            ParquetSource(self.class_names, labels, (group,))
            for group, labels in zip(self.groups, np.split(self.labels, edges), strict=True)
        ]


def read_parquet(
    uri: str,
    image_column: str | None = None,
    label_column: str | None = None,
    class_names: tuple[str, ...] | None = None,
) -> dict[str, ParquetSource]:
    """The images of a Parquet file, or of a folder of them, by split.

    Files whose name or folder starts with `train` or `test` are of that split; with such files
    there, those of other splits are left out. Else all are training images.
    """
    left_out: Counter[str] = Counter()
    found: dict[str, tuple[list[str], tuple[RowGroup, ...]]] = {}
    for split, paths in _by_split(uri, left_out).items():
        files = [_open(uri, path, image_column, label_column) for path in paths]
        found[split] = (
            [label for labels, _ in files for label in labels],
            tuple(group for _, groups in files for group in groups),
        )
    classes = class_names or class_order(found["train"][0])
    return {
        split: ParquetSource(
            classes,
            number_labels(labels, classes, f"{uri} ({split})"),
            groups,
            left_out if split == "train" else Counter(),
            uri,
        )
        for split, (labels, groups) in found.items()
    }


def _by_split(uri: str, left_out: Counter[str]) -> dict[str, list[str]]:
    filesystem, root = locate(uri)
    try:
        info = filesystem.get_file_info(root)
        if info.type == fs.FileType.File:
            return {"train": [root]}
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    except OSError as error:
        raise InputError(f"{uri}: can't be read ({one_line(error)})") from error
    paths = sorted(info.path for info in found if info.path.endswith(".parquet"))
    splits: dict[str, list[str]] = {}
    for path in paths:
        match = re.search(r"(?:^|/)(train|test|val|dev)[^/]*(?:/|$)", path[len(root) :])
        splits.setdefault(match.group(1) if match else "", []).append(path)
    if "train" in splits:
        for other in splits.keys() - {"train", "test"}:
            left_out["Parquet files of other splits"] += len(splits.pop(other))
        return {split: splits[split] for split in ("train", "test") if split in splits}
    if not paths:
        raise InputError(f"{uri}: no Parquet files there; give one, or a folder of them")
    return {"train": paths}


def _open(
    uri: str, path: str, image_column: str | None, label_column: str | None
) -> tuple[list[str], tuple[RowGroup, ...]]:
    """The labels of a file, as text, and its row groups."""
    filesystem, _ = locate(uri)
    try:
        with filesystem.open_input_file(path) as file:
            parquet = pq.ParquetFile(file)
            schema = parquet.schema_arrow
            image = _find(schema, path, image_column, _holds_images, "images", "--image-column")
            label = _find(schema, path, label_column, _is_label, "labels", "--label-column")
            column = parquet.read([label])[label].combine_chunks()
            groups = tuple(
                RowGroup(uri, path, i, image, label, parquet.metadata.row_group(i).num_rows)
                for i in range(parquet.num_row_groups)
            )
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({one_line(error)})") from error
    if column.null_count:
        raise InputError(f"{path}: {column.null_count:,} rows have no '{label}'; remove them")
    names = _names_of_numbers(schema, label)
    values = column.to_pylist()
    if names and not all(0 <= value < len(names) for value in values):
        raise InputError(f"{path}: a label is outside 0 to {len(names) - 1}, the classes it names")
    return [names[value] if names else str(value) for value in values], groups


def _find(
    schema: pa.Schema, path: str, asked: str | None, fits: Any, what: str, option: str
) -> str:
    candidates = [field for field in schema if fits(field, asked)]
    if not candidates:
        raise InputError(
            f"{path}: no column of {what} among {', '.join(schema.names[:8])}; "
            f"name it with {option}"
        )
    return candidates[0].name


def _holds_images(field: pa.Field, asked: str | None) -> bool:
    kind = field.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return asked in (None, field.name) and (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    )


def _is_label(field: pa.Field, asked: str | None) -> bool:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    usable = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return usable and (field.name == asked if asked else field.name.lower() in LABEL_COLUMNS)


def _names_of_numbers(schema: pa.Schema, label: str) -> list[str] | None:
    """The names that Hugging Face's metadata gives to the numbers in the label column."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        return [str(name) for name in about["info"]["features"][label]["names"]]
    except (KeyError, TypeError, ValueError):
        return None


def _images(group: RowGroup) -> Iterator[bytes | None]:
    filesystem, _ = locate(group.uri)
    try:
        with filesystem.open_input_file(group.path) as file:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(
                ROWS_AT_A_TIME, [group.row_group], [group.image], use_threads=False
            ):
                for value in batch.column(0).to_pylist():
                    yield value["bytes"] if isinstance(value, dict) else value
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{group.path}: can't be read ({one_line(error)})") from error
