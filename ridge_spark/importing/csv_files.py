"""A CSV of image files and their labels, the files beside it or in a folder that is named."""

from __future__ import annotations

import csv
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ridge_spark.errors import InputError
from ridge_spark.importing.csv_columns import FileColumns, file_columns, name_of
from ridge_spark.importing.csv_header import Header, open_text
from ridge_spark.importing.csv_labels import NONE, one_spelling
from ridge_spark.importing.csv_splits import rows_of_splits
from ridge_spark.importing.file_names import FileNames
from ridge_spark.importing.sources import UNLABELLED, FileSource, class_order, number_labels

REPEATED = "lines that repeat a file and its label"


class Row(NamedTuple):
    """What a line of the CSV says; `split` is empty if no column tells it."""

    line: int
    file: str
    label: str
    split: str


def read_csv_of_files(
    header: Header,
    folder: str | None = None,
    file_column: str | None = None,
    label_column: str | None = None,
    class_names: tuple[str, ...] | None = None,
) -> dict[str, FileSource]:
    """The images a CSV names by split, relative to `folder` or else to where the CSV is."""
    path, root = header.path, folder or str(header.path.parent)
    files = FileNames(root)
    if _names_are_a_row(header, files):
        header = header.without_names()
    columns = file_columns(header, file_column, label_column, lambda name: bool(files.find(name)))
    rows = list(_rows(header, columns))
    if not rows:
        raise InputError(f"{path}: names no files; it needs lines of a file and its label")
    left_out: Counter[str] = Counter()
    rows = _one_each(path, rows, files, left_out)
    spellings = one_spelling(row.label for row in rows)
    splits, said = rows_of_splits(path, name_of(header, columns.split), [row.split for row in rows])
    sources: dict[str, FileSource] = {}
    classes = class_names
    for split, members in splits.items():
        some = [rows[member] for member in members.tolist()]
        if split == "test":
            labelled = [row for row in some if row.label not in ("", NONE)]
            left_out[UNLABELLED] += len(some) - len(labelled)
            some = labelled
        _require_labels(path, some)
        labels = [spellings[row.label] for row in some]
        classes = classes or class_order(labels)
        sources[split] = FileSource.mixed(
            root, classes, [row.file for row in some],
            number_labels(labels, classes, f"{path} ({split})"),
            +left_out, some[0].split if some else "", said,
        )  # fmt: skip
        left_out, said = Counter(), ()
    return sources


def _names_are_a_row(header: Header, files: FileNames) -> bool:
    """True if what seem to be names of columns are a file without its ending and its class."""
    pairs = zip(header.names or (), header.first, strict=False)
    return any(name and row and files.find(name) and files.find(row) for name, row in pairs)


def _one_each(
    path: Path, rows: Sequence[Row], files: FileNames, left_out: Counter[str]
) -> list[Row]:
    """A row for each file, by the name that it has on disk; a row that contradicts is an error."""
    first: dict[str, Row] = {}
    missing = 0
    for row in rows:
        there = files.find(row.file)
        missing += there is None
        name = there or posixpath.normpath(row.file)
        before = first.setdefault(name, row if row.file == name else row._replace(file=name))
        if before.line == row.line:
            continue
        for what, one, other in (
            ("label", before.label, row.label), ("split", before.split, row.split),
        ):  # fmt: skip
            if one != other:
                raise InputError(
                    f"{path}: '{row.file}' has {what} '{one}' in line {before.line} and '{other}' "
                    f"in line {row.line}; keep the right one"
                )
        left_out[REPEATED] += 1
    if missing == len(rows):
        raise InputError(
            f"{path}: none of the files it names is there, such as "
            f"{posixpath.join(files.root, rows[0].file)}; name the folder that they start from "
            "with --from"
        )
    return list(first.values())


def _require_labels(path: Path, rows: Sequence[Row]) -> None:
    unlabelled = next((row for row in rows if not row.label), None)
    if unlabelled:
        raise InputError(f"{path}: line {unlabelled.line} has no label; add it or remove the line")


def _rows(header: Header, columns: FileColumns) -> Iterator[Row]:
    """What every line that is not empty says."""
    with open_text(header.path) as text:
        for _ in range(header.lines):
            text.readline()
        reader = csv.reader(text, delimiter=header.delimiter, strict=True)
        for fields in reader:
            if any(fields):
                yield _row(header, columns, header.lines + reader.line_num, fields)


def _row(header: Header, columns: FileColumns, line: int, fields: list[str]) -> Row:
    if len(fields) <= max(columns.file, columns.label, columns.split or 0):
        raise InputError(f"{header.path}: line {line} has only {len(fields)} columns")
    if len(fields) > header.width and any(fields[header.width :]):
        raise InputError(
            f"{header.path}: line {line} has {len(fields)} columns, not {header.width}; put what "
            f"holds a '{header.delimiter}' between quotes"
        )
    file = fields[columns.file].strip()
    if not file:
        raise InputError(f"{header.path}: line {line} has no file name; add it or remove the line")
    split = "" if columns.split is None else fields[columns.split].strip()
    return Row(line, file, fields[columns.label].strip(), split)
