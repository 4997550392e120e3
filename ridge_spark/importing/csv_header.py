"""How a CSV starts: gzipped or not, its delimiter, its names of columns if it has any, a row."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from ridge_spark.errors import InputError
from ridge_spark.importing.column_names import is_usual, shown
from ridge_spark.importing.image_files import SUFFIXES

FEW, MANY = 3, 10  # numbers in a line that may be names of columns
MOST_LINE = 16 * 2**20  # characters
ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
DELIMITERS = ",;\t|"
GZIP = b"\x1f\x8b"
OTHERWISE_PACKED = (b"PK\x03\x04", b"BZh", b"\xfd7zX", b"\x28\xb5\x2f\xfd")  # zip, bz2, xz, zstd
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
PIXELS_IN_A_FIELD = re.compile(r"[\[(]?\s*\d+([\s,;]+\d+){3,}\s*[\])]?")

csv.field_size_limit(MOST_LINE)  # Python's own is 131,072, and a field may hold all of an image


@dataclass(frozen=True)
class Header:
    """What is known of a CSV by its first lines.

    lines  before the first row: `sep=;`, empty ones and that of the names
    names  of the columns, as they are written; None if the first line is a row already
    first  the fields of the first row; none if there is no row
    """

    path: Path
    delimiter: str
    lines: int
    names: tuple[str, ...] | None
    first: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names or self.first)

    def without_names(self) -> Header:
        """The same CSV with the line of names taken for the first row."""
        return replace(self, lines=self.lines - 1, names=None, first=self.names or self.first)


def find_csv(source: Path) -> Path:
    """`source` itself, or the one CSV in it if it is a folder."""
    if not source.is_dir():
        return source
    found = sorted(
        path
        for path in source.iterdir()
        if path.name.lower().endswith(ENDINGS) and not path.name.startswith(".")
    )
    if len(found) != 1:
        raise InputError(
            f"{source}: has {len(found)} CSV files; give the one to read as SOURCE, and the folder "
            "that its file names start from with --from"
        )
    return found[0]


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """The text of a CSV, unpacked if it is gzipped; `InputError` if it can't be read as that."""
    try:
        with open(path, "rb") as plain:
            start = plain.read(4)
            if start.startswith(OTHERWISE_PACKED):
                raise InputError(f"{path}: is packed; unpack it first, or pack it with gzip")
            plain.seek(0)
            packed = start.startswith(GZIP)
            data = gzip.GzipFile(fileobj=plain) if packed else plain
            yield io.TextIOWrapper(data, encoding="utf-8-sig", newline="")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: can't be read as CSV in UTF-8 ({error}); save it as that"
        ) from error


def is_gzipped(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == GZIP


def read_header(path: Path) -> Header:
    """Look at the first lines of a CSV; `InputError` if there are none."""
    found: list[tuple[int, str]] = []  # the number of the line, its text
    asked = None
    with open_text(path) as text:
        for number, line in enumerate(iter(lambda: text.readline(MOST_LINE), "")):
            if len(line) >= MOST_LINE:
                raise InputError(
                    f"{path}: line {number + 1} has {MOST_LINE:,} characters or more, which no "
                    "image of this program has; save it with a line for each image"
                )
            bare = line.strip("\r\n")
            if not found and asked is None and re.fullmatch(r'"?sep=.?"?', bare, re.IGNORECASE):
                asked = bare.strip('"')[4:]
            elif bare.strip():
                found.append((number, bare))
            if len(found) == 2:
                break
    if not found:
        raise InputError(f"{path}: is empty; a CSV starts with the names of its columns")
    delimiter = asked or max(DELIMITERS, key=re.sub('"[^"]*"', "", found[0][1]).count)
    rows = [_fields(line, delimiter) for _, line in found]
    if len(rows[0]) == 1:
        raise InputError(
            f"{path}: has one column; a CSV has a comma, a semicolon, a tab or a bar between two"
        )
    numbers = [number for number, _ in found]
    second = rows[1] if len(rows) > 1 else ()
    if not _are_names(path, rows[0], second):
        return Header(path, delimiter, numbers[0], None, rows[0])
    names = (rows[0][0].lstrip("# "), *rows[0][1:])  # NumPy's savetxt begins its header with a #
    if any(second[len(names) :]):
        raise InputError(
            f"{path}: line {numbers[1] + 1} has {len(second)} columns and only {len(names)} have "
            f"names; name them all (in R: row.names = FALSE), and put what holds a '{delimiter}' "
            "between quotes"
        )
    return Header(path, delimiter, numbers[0] + 1, names, second)


def column(header: Header, asked: str, option: str) -> int:
    """Where the column asked for by its name is."""
    names = [name.lower() for name in header.names or ()]
    if asked.lower() in names:
        return names.index(asked.lower())
    raise InputError(
        f"{header.path}: no column '{asked}'; it has {shown(header.names or ())}; "
        f"name the right one with {option}"
    )


def is_number(field: str) -> bool:
    return NUMBER.fullmatch(field) is not None


def holds_pixels(field: str) -> bool:
    """True for all the pixels of an image in one field, such as '70 80 82 72'."""
    return PIXELS_IN_A_FIELD.fullmatch(field) is not None


def names_an_image(field: str) -> bool:
    return Path(field.lower()).suffix in SUFFIXES


def _fields(line: str, delimiter: str) -> tuple[str, ...]:
    return tuple(field.strip() for field in next(csv.reader([line], delimiter=delimiter)))


def _are_names(path: Path, first: Sequence[str], second: Sequence[str]) -> bool:
    """True if the first line holds names of columns, which may be numbers, and is no row."""
    for row, are_names in ((first, False), (second, True)):
        if any(names_an_image(field) or holds_pixels(field) for field in row):
            return are_names
    numbers = [field for field in first if is_number(field)]
    if not numbers:
        return True
    if _are_numbered_twins(numbers):
        raise InputError(
            f"{path}: its first line is an image whose values were numbered as names of columns "
            f"({', '.join(numbers[:4])}); pandas does so where header=None is missing: "
            "write the file again with it"
        )
    texts = {at: field for at, field in enumerate(first) if field and not is_number(field)}
    if texts and all(map(is_usual, texts.values())):
        return not any(second[at : at + 1] == (field,) for at, field in texts.items())
    if len(numbers) < FEW:  # '0,1' above 'a,cat'
        return _count(numbers) and bool(second) and not all(map(is_number, second))
    if _count(numbers):
        return not _count([field for field in second if is_number(field)])
    return sum(float(number) > 255 for number in numbers[1:-1]) >= FEW  # those are no pixels


def _count(numbers: Sequence[str]) -> bool:
    """True for 0, 1, 2, ... or 1, 2, 3, ..., and for many that only rise or only fall.

    Columns without names are called so, some of them left out and the others in order.
    """
    steps = np.diff([float(number) for number in numbers])
    if len(steps) and float(numbers[0]) in (0, 1) and (steps == 1).all():
        return True
    return len(numbers) >= MANY and bool((steps > 0).all() or (steps < 0).all())


def _are_numbered_twins(numbers: Sequence[str]) -> bool:
    """True for 0, 255, 0.1, 0.2, 255.1: what pandas makes of an image taken for names."""
    seen: dict[str, int] = {}
    for number in numbers:
        base, dot, twin = number.partition(".")
        if base in seen and (not dot or twin != str(seen[base])):
            return False
        if base not in seen and dot:
            return False
        seen[base] = seen.get(base, 0) + 1
    return len(seen) < len(numbers)
