"""What the first line of a CSV tells: its delimiter, its columns, whether they have names."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ridge_spark.errors import InputError
from ridge_spark.importing.image_files import SUFFIXES

LABEL_NAMES = ("label", "labels", "class", "class_name", "classname", "category", "target", "y")
MOST_LINE = 16 * 2**20  # characters


@dataclass(frozen=True)
class Header:
    """`first` has the fields of the first line; `names` are the same if it is a line of names."""

    path: Path
    delimiter: str
    first: tuple[str, ...]
    names: tuple[str, ...] | None


def find_csv(source: Path) -> Path:
    """`source` itself, or the one CSV in it if it is a folder."""
    if not source.is_dir():
        return source
    found = sorted(path for path in source.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    if len(found) != 1:
        raise InputError(
            f"{source}: has {len(found)} CSV files; give the one to read as SOURCE, and the folder "
            "that its file names start from with --from"
        )
    return found[0]


def read_header(path: Path) -> Header:
    """Look at the first line of a CSV; `InputError` if there is none."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as text:
            line = text.readline(MOST_LINE).strip()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: can't be read as CSV in UTF-8 ({error}); save it as that"
        ) from error
    if not line:
        raise InputError(f"{path}: is empty; a CSV starts with the names of its columns")
    delimiter = max(",;\t", key=line.count)
    first = tuple(field.strip() for field in next(csv.reader([line], delimiter=delimiter)))
    return Header(path, delimiter, first, first if _are_names(first) else None)


def column(header: Header, asked: str | None, usual: Sequence[str], option: str) -> int:
    """Where the column asked for is, or else the first with a usual name."""
    names = [name.lower() for name in header.names or ()]
    wanted = (asked.lower(),) if asked else usual
    found = next((names.index(name) for name in wanted if name in names), None)
    if found is None:
        shown = ", ".join((header.names or ())[:8])
        what = f"no column '{asked}'" if asked else f"none of its columns is called {usual[0]}"
        raise InputError(f"{header.path}: {what}; it has {shown}; name the right one with {option}")
    return found


def _are_names(fields: tuple[str, ...]) -> bool:
    """Names of columns, unlike rows, are neither numbers nor files."""
    return not any(
        field.replace(".", "", 1).isdecimal() or Path(field.lower()).suffix in SUFFIXES
        for field in fields
    )
