"""A CSV with an image in each line: a label and the values of its pixels (Kaggle's MNIST form)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from ridge_spark.data.storage import one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.array_layout import Layout
from ridge_spark.importing.csv_columns import FIRST, LAST, PixelColumns, name_of, pixel_columns
from ridge_spark.importing.csv_header import Header, holds_pixels, is_gzipped, is_number
from ridge_spark.importing.csv_labels import NONE, one_spelling
from ridge_spark.importing.csv_splits import rows_of_splits
from ridge_spark.importing.labelled import LabelledImages

BLOCK_BYTES = 8 * 2**20
REPEATED = "has its line of names once more further down; remove it there"
NEEDED = "every line needs a label and whole numbers from 0 to 255"


def read_csv_of_pixels(
    header: Header,
    label_column: str | None = None,
    size: tuple[int, int] | None = None,
    *,
    transposed: bool = False,
) -> dict[str, LabelledImages]:
    """The images of a table by split; square unless `size`, (height, width), tells more.

    The label is in the column that is called so, or else in the first of those that are left.
    """
    if not header.first:
        raise InputError(f"{header.path}: has no rows below the names of its columns")
    columns, (height, width, channels) = pixel_columns(header, label_column, size)
    layout = Layout((height, width, channels), transposed=transposed)
    if columns.label is None:
        columns = _with_the_label_first(header, columns)
    asked = [at for at in (columns.label, columns.split) if at is not None]
    labels, *splits = _texts(header, asked)
    name = header.names[asked[0]] if header.names else ""
    if name and not is_number(name) and (labels == name).any():
        raise InputError(f"{header.path}: {REPEATED}")
    spellings = one_spelling(labels.tolist())
    if any(label != spelt for label, spelt in spellings.items()):
        labels = np.array([spellings[label] for label in labels.tolist()])
    rows, said = rows_of_splits(
        header.path, name_of(header, columns.split), splits[0] if splits else labels
    )
    if columns.left_out:
        said = (*said, f"passed over    column {', '.join(map(repr, columns.left_out[:8]))}")
    found: dict[str, LabelledImages] = {}
    for split, members in rows.items():
        some = labels[members]
        if split == "test":
            some = np.where(some == NONE, "", some)
        found[split] = LabelledImages(
            str(header.path), layout.shape, some,
            _reader(header, columns.pixels, layout, members, len(labels)),
            str(splits[0][members[0]]) if len(rows) > 1 else "", said,
        )  # fmt: skip
        said = ()
    return found


def _with_the_label_first(header: Header, columns: PixelColumns) -> PixelColumns:
    """The first of the columns is the label's; `InputError` if the last one looks more like it."""
    first, last = columns.pixels[0], columns.pixels[-1]
    if _look_like_labels(*_texts(header, [last, first])):
        names = header.names or {first: FIRST, last: LAST}
        raise InputError(
            f"{header.path}: the labels may be in the first column or in the last, by its values; "
            f"name theirs with --label-column {names[last]} or --label-column {names[first]}"
        )
    return replace(columns, label=first, pixels=columns.pixels[1:])


def _look_like_labels(values: NDArray[np.str_], others: NDArray[np.str_]) -> bool:
    """True if `values` are labels rather than the `others` are: few, and counted from 0 or 1."""
    kinds, other_kinds = set(values.tolist()), set(others.tolist())
    if not all(map(is_number, other_kinds)):
        return False
    if not all(map(is_number, kinds)):
        return True
    few = 2 <= len(kinds) <= len(values) // 2
    return (
        few
        and _counted(kinds)
        and (
            len(other_kinds) == 1
            or 8 * len(kinds) <= len(other_kinds)
            or (len(kinds) < len(other_kinds) and not _counted(other_kinds))
        )
    )


def _counted(kinds: set[str]) -> bool:
    """True for 0, 1, 2, ... and for 1, 2, 3, ... in any order."""
    numbers = sorted(map(float, kinds))
    return numbers[0] in (0, 1) and numbers == [numbers[0] + i for i in range(len(numbers))]


def _reader(
    header: Header, pixels: Sequence[int], layout: Layout, members: NDArray[np.int64], rows: int
) -> Callable[[], Iterator[NDArray[np.uint8]]]:
    """What yields the rows that are `members`, (n, d) at a time."""
    packed = holds_pixels(header.first[pixels[0]])
    names = [header.names[at] for at in pixels] if header.names else []
    numbered = all(name.isdecimal() and int(name) < 256 for name in names) and bool(names)
    numbers = np.array(names, np.int64) if numbered else None
    fractions = not packed and any(not header.first[at].isdecimal() for at in pixels)
    kind = pa.large_string() if packed else pa.float64() if fractions else pa.uint8()
    wanted = np.zeros(rows, bool)
    wanted[members] = True

    def read() -> Iterator[NDArray[np.uint8]]:
        start = 0
        for batch in _batches(header, pixels, kind):
            if packed:
                images = _unpacked(header, batch.column(0), math.prod(layout.shape), start)
            else:
                images = np.stack([field.to_numpy() for field in batch.columns], axis=1)
                images = _whole(header, images) if fractions else images
            if numbers is not None and (images == numbers).all(axis=1).any():
                raise InputError(f"{header.path}: {REPEATED}")
            chosen = wanted[start : start + len(images)]
            start += len(images)
            if chosen.any():
                yield layout.rows(images if chosen.all() else images[chosen])

    return read


def _unpacked(header: Header, column: pa.Array, d: int, start: int) -> NDArray[np.uint8]:
    """(n, d) of a column whose fields hold all pixels of an image each."""
    import pyarrow.compute as pc  # takes a while to load, and other tables do without

    plain = pc.replace_substring_regex(column, r"[\[\](),;\s]+", " ")
    with _told(header):
        numbers = pc.split_pattern(pc.utf8_trim(plain, " "), " ")
        lengths = pc.list_value_length(numbers).to_numpy()
        if (lengths != d).any():
            row = int(np.argmax(lengths != d))
            raise InputError(
                f"{header.path}: row {start + row + 1} has {lengths[row]:,} pixels, the first one "
                f"has {d:,}; all images of a data set have one shape"
            )
        return pc.list_flatten(numbers).cast(pa.uint8()).to_numpy().reshape(-1, d)


def _whole(header: Header, values: NDArray) -> NDArray[np.uint8]:
    """Pixels that are written as fractions, such as 255.0."""
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.uint8)
    if not (whole == values).all():
        scaled = values.min() >= 0 and values.max() <= 1
        remedy = "; multiply them by 255 and round them" if scaled else ""
        raise InputError(f"{header.path}: has pixels that are fractions{remedy}; {NEEDED}")
    return whole


def _texts(header: Header, columns: Sequence[int]) -> list[NDArray[np.str_]]:
    """The fields of some columns as text, all rows of them."""
    batches = list(_batches(header, columns, pa.string()))
    if not batches:
        raise InputError(f"{header.path}: has no rows; {NEEDED}")
    table = pa.Table.from_batches(batches)
    return [np.array([field.strip() for field in column.to_pylist()]) for column in table.columns]


def _batches(header: Header, columns: Sequence[int], kind: pa.DataType) -> Iterator[pa.RecordBatch]:
    """Some of the columns, in their order, of rows that are not empty."""
    names = [f"f{at}" for at in range(len(header.first))]
    chosen = [f"f{at}" for at in columns]
    with _told(header):
        file = pa.OSFile(str(header.path))
        reader = csv.open_csv(
            pa.CompressedInputStream(file, "gzip") if is_gzipped(header.path) else file,
            csv.ReadOptions(column_names=names, skip_rows=header.lines, block_size=BLOCK_BYTES),
            csv.ParseOptions(delimiter=header.delimiter),
            csv.ConvertOptions(
                column_types=dict.fromkeys(chosen, kind),
                include_columns=chosen,
                strings_can_be_null=False,
                null_values=[],
            ),
        )
        for batch in reader:
            if batch.num_rows:
                yield batch


@contextmanager
def _told(header: Header) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{header.path}: {one_line(error)}; {NEEDED}") from error
