"""NumPy .npz files of images and labels, streamed out of the archive; pickles are refused."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ridge_spark.data.storage import one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.labelled import LabelledImages, chunk_rows, image_shape

NAMES = {  # of the image and label arrays, by split; the first pair that is there is taken
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("images", "labels"),
              ("X", "y"), ("x", "y")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}  # fmt: skip

# What zipfile, zlib and numpy raise for archives that are damaged, encrypted or packed otherwise.
DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, LookupError, RuntimeError)


def read_npz(path: Path) -> dict[str, LabelledImages]:
    """The training images of an .npz file and, if it has them, the test images."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name[:-4] for name in archive.namelist() if name.endswith(".npy")}
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except DAMAGE as error:
        raise InputError(
            f"{path}: can't be read as .npz ({one_line(error)}); np.savez makes one"
        ) from error
    splits = {}
    for split, candidates in NAMES.items():
        for images, labels in candidates:
            if {images, labels} <= arrays:
                splits[split] = _read_split(path, images, labels)
                break
    if "train" not in splits:
        raise InputError(
            f"{path}: has the arrays {', '.join(sorted(arrays))}; it needs images and labels under "
            "names such as x_train and y_train, or images and labels"
        )
    return splits


def _read_split(path: Path, images: str, labels: str) -> LabelledImages:
    name = f"{path} [{images}]"
    shape_of_array, dtype = _header(path, images)
    if dtype != np.uint8:
        raise InputError(f"{name}: is of type {dtype}; images must be uint8, 0 to 255")
    shape = image_shape(shape_of_array, name)
    n, d = shape_of_array[0], math.prod(shape)
    label_shape, label_type = _header(path, labels)
    if math.prod(label_shape) != n or not np.issubdtype(label_type, np.integer):
        raise InputError(
            f"{path} [{labels}]: {label_type} of shape {label_shape}; "
            f"it needs one integer for each of the {n:,} images"
        )
    label_bytes = b"".join(_stream(path, labels, [n * label_type.itemsize]))
    values = np.frombuffer(label_bytes, label_type).astype(np.int64)

    def read() -> Iterator[NDArray[np.uint8]]:
        rows = chunk_rows(d)
        sizes = [min(rows, n - start) * d for start in range(0, n, rows)]
        for data in _stream(path, images, sizes):
            yield np.frombuffer(data, np.uint8).reshape(-1, d)

    return LabelledImages(name, shape, values, read)


def _header(path: Path, array: str) -> tuple[tuple[int, ...], np.dtype]:
    with _open(path, array) as file:
        shape, fortran_order, dtype = _read_header(file)
    if fortran_order and len(shape) > 1:
        raise InputError(f"{path} [{array}]: is in Fortran order; save np.ascontiguousarray of it")
    if dtype.hasobject:
        raise InputError(f"{path} [{array}]: holds Python objects, which are never loaded")
    return shape, dtype


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    return readers[version](file)


def _stream(path: Path, array: str, sizes: list[int]) -> Iterator[bytes]:
    with _open(path, array) as file:
        _read_header(file)
        for size in sizes:
            data = file.read(size)
            if len(data) < size:
                raise InputError(f"{path} [{array}]: ends too early")
            yield data


@contextmanager
def _open(path: Path, array: str) -> Iterator[IO[bytes]]:
    """An array in the archive; whatever reading it fails with becomes an `InputError`."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as file:
            yield file
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} [{array}]: is damaged ({one_line(error)})") from error
