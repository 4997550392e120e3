"""A CSV with an image in each line: a label and the values of its pixels (Kaggle's MNIST form)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from ridge_spark.data.description import MOST_PIXELS
from ridge_spark.data.storage import one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.csv_header import LABEL_NAMES, Header, column
from ridge_spark.importing.labelled import LabelledImages

BLOCK_BYTES = 8 * 2**20


def read_csv_of_pixels(
    header: Header, label_column: str | None = None, size: tuple[int, int] | None = None
) -> LabelledImages:
    """The images of a table, which must be square unless `size`, (height, width), tells more."""
    label_at = 0
    if header.names is not None:
        label_at = column(header, label_column, LABEL_NAMES, "--label-column")
    shape = _shape(header, size)
    pixels = [f"f{i}" for i in range(len(header.first)) if i != label_at]
    values = np.concatenate(
        [_labels(batch) for batch in _read(header, [f"f{label_at}"], pa.string())]
    )

    def read() -> Iterator[NDArray[np.uint8]]:
        for batch in _read(header, pixels, pa.uint8()):
            yield np.stack([field.to_numpy() for field in batch.columns], axis=1)

    return LabelledImages(str(header.path), shape, values, read)


def _shape(header: Header, size: tuple[int, int] | None) -> tuple[int, int, int]:
    n = len(header.first) - 1
    height = width = math.isqrt(n)
    if size and n in (size[0] * size[1], 3 * size[0] * size[1]):
        height, width = size
    elif height * width != n:
        height = width = math.isqrt(n // 3)
    if n < 1 or n > MOST_PIXELS or n not in (height * width, 3 * height * width):
        raise InputError(
            f"{header.path}: {n:,} pixels in a line are no square image; tell its shape with "
            "--size HEIGHTxWIDTH (or, if the columns name files, which: --image-column)"
        )
    return height, width, n // (height * width)


def _read(header: Header, columns: list[str], kind: pa.DataType) -> Iterator[pa.RecordBatch]:
    names = [f"f{i}" for i in range(len(header.first))]
    try:
        reader = csv.open_csv(
            header.path,
            csv.ReadOptions(
                column_names=names, skip_rows=int(header.names is not None), block_size=BLOCK_BYTES
            ),
            csv.ParseOptions(delimiter=header.delimiter),
            csv.ConvertOptions(
                column_types=dict.fromkeys(columns, kind),
                include_columns=columns,
                strings_can_be_null=False,
                null_values=[],
            ),
        )
        for batch in reader:
            if batch.num_rows:
                yield batch
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{header.path}: {one_line(error)}; every line needs a label and whole numbers from 0 "
            "to 255"
        ) from error


def _labels(batch: pa.RecordBatch) -> NDArray[np.str_]:
    return np.array([value.strip() for value in batch.column(0).to_pylist()])
