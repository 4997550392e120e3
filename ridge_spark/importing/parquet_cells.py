"""Cells of an Arrow column as encoded images, whatever type they have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.importing.array_layout import find_layout
from ridge_spark.importing.plain_png import encode_plain_png

BYTES, DATA, PATH = "bytes", "data", "path"  # fields of the structs of Hugging Face and of Spark
# How the formats that are read begin; a list of numbers that does is a file, not pixels.
STARTS = (
    b"\x89PNG",
    b"\xff\xd8\xff\xe0",
    b"\xff\xd8\xff\xe1",
    b"II*\0",
    b"MM\0*",
    b"GIF8",
    b"RIFF",
)


class Cell(NamedTuple):
    """The bytes of an encoded image, or where there are none, the path of its file; or neither."""

    data: bytes | None
    path: str | None = None


def may_hold_images(kind: pa.DataType, *, asked: bool) -> bool:
    """True for a type of images: encoded ones, or if the column is `asked` for, pixels as well."""
    kind = _storage(kind)
    if is_bytes(kind):
        return True
    if pa.types.is_struct(kind):
        names = {field.name for field in kind}
        return bool(names & {BYTES, PATH}) or is_spark_image(kind)
    return asked and _is_list(kind) and pa.types.is_integer(_innermost(kind))


def is_bytes(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def is_spark_image(kind: pa.DataType) -> bool:
    """True for the struct that Spark's image source makes: pixels, and what they are."""
    if not pa.types.is_struct(kind):
        return False
    return {"height", "width", "nChannels", DATA} <= {field.name for field in kind}


def cells(column: pa.Array, name: str) -> Iterator[Cell]:
    """The images of a column, in order; `name` is what to call the column in a message."""
    if isinstance(column, pa.ExtensionArray):
        shape = getattr(column.type, "shape", None)
        for value in column.storage:
            yield Cell(_from_numbers(value, name, shape))
    elif pa.types.is_dictionary(column.type):
        yield from cells(column.dictionary_decode(), name)
    elif is_spark_image(column.type):
        yield from (Cell(_from_spark(value, name)) for value in column.to_pylist())
    elif pa.types.is_struct(column.type):
        for value in column.to_pylist():
            yield Cell((value or {}).get(BYTES), (value or {}).get(PATH))
    elif _is_list(column.type):
        yield from (Cell(_from_numbers(value, name)) for value in column)
    else:
        yield from map(Cell, column.to_pylist())


def _from_numbers(value: pa.Scalar, name: str, shape: list[int] | None = None) -> bytes | None:
    """A list of the bytes of a file, or nested lists of pixels."""
    import pyarrow.compute as pc  # takes a while to load, and encoded images do without

    if not value.is_valid:
        return None
    numbers, dimensions = value.values, [len(value.values)]
    while _is_list(numbers.type):
        lengths = pc.unique(pc.list_value_length(numbers))
        if len(lengths) != 1 or not lengths[0].is_valid:
            raise InputError(f"{name}: has an image whose rows are not of one length")
        dimensions.append(lengths[0].as_py())
        numbers = numbers.flatten()
    try:
        pixels = numbers.cast(pa.uint8()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise InputError(f"{name}: has pixels that are no whole numbers from 0 to 255") from error
    if shape:
        dimensions = list(shape)
    if len(dimensions) == 1:
        if _is_file(data := pixels.tobytes()):
            return data
        side = math.isqrt(len(pixels))
        if side * side != len(pixels):
            raise InputError(
                f"{name}: has lists of {len(pixels):,} pixels, which are no square image; write "
                "lists of rows of pixels"
            )
        dimensions = [side, side]
    layout = find_layout((1, *dimensions), name)
    rows = layout.rows(pixels.reshape(1, -1))
    return encode_plain_png(rows.reshape(layout.shape))


def _from_spark(value: dict[str, Any] | None, name: str) -> bytes | None:
    """Pixels in the order of OpenCV: row by row, and blue before green before red."""
    if not value or not value[DATA] or value["height"] < 1:  # what Spark could not decode
        return None
    height, width, channels = value["height"], value["width"], value["nChannels"]
    data: NDArray[np.uint8] = np.frombuffer(value[DATA], np.uint8)
    if channels not in (1, 3, 4) or len(data) != height * width * channels:
        raise InputError(
            f"{name}: has an image of {height}x{width}x{channels} in {len(data):,} bytes; Spark's "
            "have a byte for each of 1, 3 or 4 channels"
        )
    pixels = data.reshape(height, width, channels)
    if channels > 1:
        pixels = pixels[:, :, [2, 1, 0, 3][:channels]]
    return encode_plain_png(pixels)


def _is_file(data: bytes) -> bool:
    is_bmp = data[:2] == b"BM" and int.from_bytes(data[2:6], "little") == len(data)
    return is_bmp or data.startswith(STARTS)


def _storage(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _innermost(kind: pa.DataType) -> pa.DataType:
    while _is_list(kind):
        kind = kind.value_type
    return kind
