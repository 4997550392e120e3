"""Which columns of a Parquet file are the images, the labels and the splits, and their values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ridge_spark.data.description import METADATA_KEY
from ridge_spark.errors import InputError
from ridge_spark.importing.column_names import FILES, shown
from ridge_spark.importing.column_names import LABELS as LABEL_NAMES
from ridge_spark.importing.column_names import SPLITS as SPLIT_NAMES
from ridge_spark.importing.csv_pixel_names import FEWEST_OF_A_TABLE, of_one_kind
from ridge_spark.importing.parquet_cells import is_bytes, may_hold_images
from ridge_spark.importing.parquet_folder import RowsFile

IMAGE_NAMES = ("image", "img")
LABELS = (*LABEL_NAMES, "fine_label")
FEWEST_LABELLED = ("label", "labels")


@dataclass(frozen=True)
class Values:
    """A column with few different values: `kinds`, and (n,) which of them each row has.

    A kind is text, a whole number or a truth value; -1 stands for a row without any.
    """

    kinds: list[str | int | bool]
    rows: NDArray[np.int32]


@dataclass(frozen=True)
class Columns:
    """The names of the columns of a file; the label's and the split's may be those of a folder."""

    image: str
    label: str
    split: str | None
    class_names: list[str] | None  # what the numbers in the label column stand for


def find_columns(
    file: RowsFile, schema: pa.Schema, image: str | None, label: str | None
) -> Columns:
    """The columns asked for, or else those that their types, names and metadata tell."""
    if METADATA_KEY in (schema.metadata or {}):
        raise InputError(f"{file.path}: is of a data set already; train on it as it is")
    features = _features(schema)
    label_column = _label_column(file, schema, label, features)
    image_column = _image_column(file, schema, image, features, label_column)
    taken = {label_column, image_column}
    split = next(
        (
            name
            for name in (*schema.names, *file.keys)
            if name.lower() in SPLIT_NAMES and name not in taken
            and (name in file.keys or _is_label(schema.field(name).type))
        ),
        None,
    )  # fmt: skip
    names = features.get(label_column, {}).get("names")
    return Columns(
        image_column,
        label_column,
        split,
        [str(name) for name in names] if isinstance(names, list) else None,
    )


def read_values(
    file: RowsFile, name: str, read: Callable[[str], pa.ChunkedArray], n: int
) -> Values:
    """The values of a column of the file, or what its folders say of all of its `n` rows."""
    if name in file.keys:
        value = file.keys[name]
        return Values([value] if value else [], np.full(n, 0 if value else -1, np.int32))
    column = read(name)
    number_of: dict[Any, int] = {}
    parts = [np.empty(0, np.int32)]
    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        kinds = [_kind(file, name, value) for value in encoded.dictionary.to_pylist()]
        numbers = [
            -1 if kind is None else number_of.setdefault((type(kind), kind), len(number_of))
            for kind in kinds
        ]
        places = encoded.indices.fill_null(len(numbers)).to_numpy(zero_copy_only=False)
        parts.append(np.array([*numbers, -1], np.int32)[places])
    return Values([kind for _, kind in number_of], np.concatenate(parts))


def _kind(file: RowsFile, column: str, value: Any) -> str | int | bool | None:
    """A value as a label can be, None for none; `InputError` if it is a fraction or no text."""
    if isinstance(value, float | Decimal):
        if math.isnan(value):  # pandas has it for none
            return None
        if not math.isfinite(value) or value != int(value):
            raise InputError(
                f"{file.path}: '{column}' has {value}, and labels are whole numbers or text"
            )
        return int(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{file.path}: '{column}' has bytes that are no text") from error
    return value if value != "" else None


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """What Hugging Face's metadata says of the columns, by their names."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: about for name, about in features.items() if isinstance(about, dict)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _label_column(
    file: RowsFile, schema: pa.Schema, asked: str | None, features: dict[str, dict[str, Any]]
) -> str:
    names = [*schema.names, *file.keys]
    if asked is not None:
        found = [name for name in names if name == asked]
        found = found or [name for name in names if name.lower() == asked.lower()]
    else:
        found = [name for usual in LABELS for name in names if name.lower() == usual]
        found = found or [
            name for name in names if features.get(name, {}).get("_type") == "ClassLabel"
        ]
        if len(found) > 1 and found[0].lower() in FEWEST_LABELLED:
            found = found[:1]
    found = list(dict.fromkeys(found))
    if len(found) != 1:
        what = f"{' and '.join(found)} could both be" if found else "no column of"
        among = "" if found else f" among {shown(names)}"
        raise InputError(f"{file.path}: {what} labels{among}; name it with --label-column")
    kind = None if found[0] in file.keys else schema.field(found[0]).type
    if kind is not None and not _is_label(kind):
        raise InputError(
            f"{file.path}: '{found[0]}' is of type {kind}, and labels are numbers or text; name "
            "another column with --label-column"
        )
    return found[0]


def _image_column(
    file: RowsFile,
    schema: pa.Schema,
    asked: str | None,
    features: dict[str, dict[str, Any]],
    label: str,
) -> str:
    def fits(name: str, *, named: bool) -> bool:
        return name != label and may_hold_images(schema.field(name).type, asked=named)

    names = [name for name in schema.names if asked in (None, name)]
    found = [name for name in names if fits(name, named=asked is not None)]
    if not asked:
        said = [name for name in found if features.get(name, {}).get("_type") == "Image"]
        usual = [name for name in names if name.lower() in IMAGE_NAMES and fits(name, named=True)]
        found = said or found or [
            name for name in names
            if name.lower() in (*FILES, "pixels", "pixel_values") and fits(name, named=True)
        ]  # fmt: skip
        found = usual[:1] if usual and (len(found) > 1 or not found) else found
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"{file.path}: {' and '.join(found)} could all be the images; "
            "name theirs with --image-column"
        )
    paths = [name for name in names if name.lower() in FILES and _is_text(schema.field(name).type)]
    if paths:
        raise InputError(
            f"{file.path}: '{paths[0]}' holds text, and images are bytes; a list of files and "
            "labels is read as CSV: ridge-spark import csv"
        )
    if len(of_one_kind(schema.names)) >= FEWEST_OF_A_TABLE:
        raise InputError(
            f"{file.path}: has a column for each pixel ({shown(schema.names)}); write it as CSV, "
            "which import csv reads, or the pixels into an array of an .npz file"
        )
    raise InputError(
        f"{file.path}: no column of images among {shown(schema.names)}; name it with --image-column"
    )


def _is_label(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
        or is_bytes(kind)
        or _is_text(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
