"""Which column of a CSV is what: the files, the labels, the splits, the pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ridge_spark.errors import InputError
from ridge_spark.importing.column_names import FILES, LABELS, ROW_NUMBERS, SPLITS, plain, shown
from ridge_spark.importing.csv_header import (
    Header,
    column,
    holds_pixels,
    is_number,
    names_an_image,
)
from ridge_spark.importing.csv_pixel_names import FEWEST_OF_A_TABLE, of_one_kind, shape_of
from ridge_spark.importing.splits import SplitName, recognise

TRUE, FALSE = ("1", "true", "yes", "t", "y"), ("0", "false", "no", "f", "n")
FIRST, LAST = "first", "last"  # columns, where they have no names


@dataclass(frozen=True)
class FileColumns:
    """Where the columns of a CSV of files are; `split` is None if no column tells it."""

    file: int
    label: int
    split: int | None


@dataclass(frozen=True)
class PixelColumns:
    """Where the columns of a CSV of pixels are, and what its images look like.

    label   None where it is in the first or the last of the pixel columns, as the values tell
    pixels  in the order of an image; one column if that holds all pixels of an image
    """

    label: int | None
    split: int | None
    pixels: tuple[int, ...]
    left_out: tuple[str, ...]


def names_files(header: Header, asked: str | None) -> bool:
    """True if the CSV is one of image files, not of pixels."""
    if asked is not None and header.names is not None:
        at = column(header, asked, "--image-column")
        return not holds_pixels(_first(header, at))
    if any(map(holds_pixels, header.first)):
        return False
    if header.width == 2:  # no image is a single pixel
        return True
    named = _named(header, FILES) or any(map(names_an_image, header.first))
    return bool(named) and len(of_one_kind(header.names)) < FEWEST_OF_A_TABLE


def file_columns(
    header: Header, file: str | None, label: str | None, is_there: Callable[[str], bool]
) -> FileColumns:
    """The columns asked for, or else those with usual names; `is_there` tells of a file by name.

    Of columns with other names, that of the files is the one whose first row names a file.
    """
    free = set(range(header.width))
    there = [at for at, field in enumerate(header.first) if field and is_there(field)]
    if file is not None:
        file_at = _asked(header, file, "--image-column")
    else:
        usual = _named(header, FILES)
        images = [at for at, field in enumerate(header.first) if names_an_image(field)]
        likely = [at for at in usual if at in there] or usual or there or images
        if not likely and header.names is None:
            likely = [0]
        if not likely or (not usual and len(likely) > 1):
            raise InputError(
                f"{header.path}: none of its columns is called file or names files that are there; "
                f"it has {shown(header.names or ())}; name the right one with --image-column, and "
                "the folder that the files start from with --from"
            )
        file_at = likely[0]
    free.discard(file_at)
    split_at = _split(header, free, label)
    free -= {split_at}
    return FileColumns(file_at, _label(header, label, free), split_at)


def pixel_columns(
    header: Header, label: str | None, size: tuple[int, int] | None
) -> tuple[PixelColumns, tuple[int, int, int]]:
    """The columns of a CSV of pixels, and the (height, width, channels) of its images."""
    packed = [at for at, field in enumerate(header.first) if holds_pixels(field)][:1]
    pixels = packed or of_one_kind(header.names) or _other_numbers(header)
    empty = {at for at in range(header.width) if not (_name(header, at) or _first(header, at))}
    if header.names is None:  # a comma at the end of every line makes one
        empty = {at for at, field in enumerate(header.first) if not field}
    free = set(range(header.width)) - set(pixels) - empty
    split_at = _split(header, free, label)
    free -= {split_at}

    label_at: int | None = None
    n = len(re.findall(r"\d+", header.first[packed[0]])) if packed else len(pixels)
    named = label is not None or packed or _named(header, LABELS, free)
    others = {at for at in free if not is_like_a_row_number(_name(header, at))}
    if named or others or (shape_of(n, size) and not shape_of(n - 1, size)):
        label_at = _label(header, label, free)
    if not packed and label_at not in free:  # it is one of those that seem to be pixels
        pixels, n = [at for at in pixels if at != label_at], n - 1
    shape = shape_of(n, size)
    if shape is None:
        raise InputError(
            f"{header.path}: {n:,} pixels in a line are no square image; tell its shape with "
            "--size HEIGHTxWIDTH, or name the columns in the first line if some are not pixels "
            "(and if one names files, which: --image-column)"
        )
    left_out = tuple(_name(header, at) for at in sorted(free - {label_at}))
    return PixelColumns(label_at, split_at, tuple(pixels), left_out), shape


def name_of(header: Header, at: int | None) -> str | None:
    """What to call a column in a message; None if there is none."""
    return None if at is None else _name(header, at)


def is_like_a_row_number(name: str) -> bool:
    """True for the name of a column that numbers the rows."""
    return plain(name) in ROW_NUMBERS


def _other_numbers(header: Header) -> list[int]:
    """The columns with numbers that have no other meaning by their names."""
    known = set(_named(header, (*LABELS, *FILES))) | {
        at for at in range(header.width) if is_like_a_row_number(_name(header, at))
    }
    fields = enumerate(header.first)
    return [at for at, field in fields if is_number(field) and at not in known]


def _split(header: Header, free: set[int], label: str | None) -> int | None:
    """The column that tells the split of a row; not the only one that may be the label's."""
    if len(free) < 2:
        return None
    for at in sorted(free):
        name = plain(_name(header, at))
        is_label = name in LABELS or (label is not None and name == plain(label))
        if not is_label and (name in SPLITS or split_of(name, _first(header, at))):
            return at
    return None


def split_of(column: str, value: str) -> SplitName | None:
    """The split of a row by what its column of splits, or one such as `is_test`, says."""
    of_column = recognise(plain(column).removeprefix("is_"))
    if of_column is None or value.lower() not in (*TRUE, *FALSE):
        return recognise(value)
    if value.lower() in TRUE:
        return of_column
    return "test" if of_column == "train" else "train"


def _label(header: Header, asked: str | None, free: set[int]) -> int:
    if asked is not None:
        return _asked(header, asked, "--label-column")
    found = _named(header, LABELS, free)
    if found and (len(found) == 1 or plain(_name(header, found[0])) in LABELS[:2]):
        return found[0]
    others = [at for at in sorted(free) if not is_like_a_row_number(_name(header, at))]
    if not found and len(others) == 1:
        return others[0]
    if found:
        what = f"{' and '.join(_name(header, at) for at in found)} could both be the labels"
    elif header.names is None:
        what = f"its {header.width} columns have no names"
    else:
        what = f"none of its columns is called label; it has {shown(header.names or ())}"
    raise InputError(f"{header.path}: {what}; name the right one with --label-column")


def _asked(header: Header, asked: str, option: str) -> int:
    """Where the column asked for is: by its name, or where there are none, by its number."""
    if header.names is not None:
        return column(header, asked, option)
    at = {FIRST: 1, LAST: header.width}.get(asked) or (int(asked) if asked.isdecimal() else 0)
    if not 1 <= at <= header.width:
        raise InputError(
            f"{option} {asked}: the columns of {header.path} have no names; give '{FIRST}', "
            f"'{LAST}' or a number from 1 to {header.width}"
        )
    return at - 1


def _named(header: Header, usual: Sequence[str], among: set[int] | None = None) -> list[int]:
    """The columns with these names, in the order of the names."""
    names = [plain(name) for name in header.names or ()]
    wanted = [name for name in usual if not (name == "y" and "x" in names)]  # those are a place
    found = (names.index(name) for name in wanted if name in names)
    return [at for at in found if among is None or at in among]


def _first(header: Header, at: int) -> str:
    return header.first[at] if at < len(header.first) else ""


def _name(header: Header, at: int) -> str:
    return header.names[at] if header.names else f"column {at + 1}"
