"""A CSV of image files and their labels, the files beside it or in a folder that is named."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ridge_spark.errors import InputError
from ridge_spark.importing.csv_header import LABEL_NAMES, Header, column
from ridge_spark.importing.sources import FileSource, class_order, number_labels

FILE_NAMES = (
    "file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path",
    "image_name", "img", "img_path",
)  # fmt: skip
REPEATED = "lines that repeat a file and its label"


def read_csv_of_files(
    header: Header,
    folder: str | None = None,
    file_column: str | None = None,
    label_column: str | None = None,
    class_names: tuple[str, ...] | None = None,
) -> FileSource:
    """The images a CSV names, relative to `folder` or else to where the CSV is."""
    path = header.path
    left_out: Counter[str] = Counter()
    names: dict[str, tuple[str, int]] = {}
    for line, name, label in _rows(header, file_column, label_column):
        before = names.setdefault(name, (label, line))
        if before == (label, line):
            continue
        if before[0] != label:
            raise InputError(
                f"{path}: '{name}' has label '{before[0]}' in line {before[1]} and '{label}' in "
                f"line {line}; keep the right one"
            )
        left_out[REPEATED] += 1
    if not names:
        raise InputError(f"{path}: names no files; it needs lines of a file and its label")
    labels = [label for label, _ in names.values()]
    classes = class_names or class_order(labels)
    root = folder or str(path.parent)
    return FileSource.mixed(
        root, classes, list(names), number_labels(labels, classes, str(path)), left_out
    )


def names_files(header: Header, file_column: str | None) -> bool:
    """True if the CSV is one of files, not of pixels."""
    if header.names is None or len(header.first) == 2:  # no image is a single pixel
        return len(header.first) == 2
    return bool(file_column) or any(name.lower() in FILE_NAMES for name in header.names)


def _rows(
    header: Header, file_column: str | None, label_column: str | None
) -> Iterator[tuple[int, str, str]]:
    """(line, file, label) of every line that is not empty."""
    file_at, label_at = _columns(header, file_column, label_column)
    try:
        with open(header.path, encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=header.delimiter, strict=True)
            if header.names is not None:
                next(reader)
            for row in reader:
                if any(row):
                    yield (
                        reader.line_num,
                        *_fields(header.path, reader.line_num, row, file_at, label_at),
                    )
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"{header.path}: can't be read as CSV in UTF-8 ({error}); save it as that"
        ) from error


def _fields(
    path: Path, line: int, row: Sequence[str], file_at: int, label_at: int
) -> tuple[str, str]:
    if len(row) <= max(file_at, label_at):
        raise InputError(f"{path}: line {line} has only {len(row)} columns")
    name, label = row[file_at].strip(), row[label_at].strip()
    if not name or not label:
        raise InputError(f"{path}: line {line} has no {'label' if name else 'file name'}")
    return name, label


def _columns(header: Header, file_column: str | None, label_column: str | None) -> tuple[int, int]:
    if header.names is None:
        return 0, 1
    file_at = column(header, file_column, FILE_NAMES, "--image-column")
    return file_at, column(header, label_column, LABEL_NAMES, "--label-column")
