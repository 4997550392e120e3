"""NumPy .npz files of images and labels, streamed out of the archive; pickles are refused."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ridge_spark.data.storage import one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.array_layout import find_layout
from ridge_spark.importing.labelled import LabelledImages, chunks
from ridge_spark.importing.packed import may_hold
from ridge_spark.importing.splits import FOUND, SplitName, recognise, words_of

IMAGES = ("x", "images", "image", "imgs", "data")
LABELS = ("y", "labels", "label", "targets", "target")
BY_PLACE = {"arr_0": "images", "arr_1": "labels"}  # np.savez(path, images, labels)
LABELS_AT_A_TIME = 2**20
MOST_HEADER = 2**16  # bytes; what NumPy writes for an array of numbers has 128

# What zipfile, zlib and numpy raise for archives that are damaged, encrypted or packed otherwise.
DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, LookupError, RuntimeError)


def read_npz(path: Path, *, transposed: bool = False) -> dict[str, LabelledImages]:
    """The images of an .npz file by split, as the names of its arrays tell.

    A split has an array of images and one of labels: `x_train` and `y_train`, `train_images` and
    `train_labels`, `X_val` and `y_val`; without a split in their names they are training images.
    """
    if path.exists() and not path.is_file():  # a device or a pipe may have no end
        raise InputError(f"{path}: not a file; np.savez makes one")
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = sorted(name[:-4] for name in archive.namelist() if name.endswith(".npy"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except DAMAGE as error:
        raise InputError(
            f"{path}: can't be read as .npz ({one_line(error)}); np.savez makes one"
        ) from error
    pairs, others = _pairs(path, arrays)
    if not pairs:
        raise InputError(
            f"{path}: has the arrays {', '.join(arrays)}; it needs images and labels under "
            "names such as x_train and y_train, or images and labels"
        )
    splits: dict[str, LabelledImages] = {}
    for split, pair in pairs.items():
        splits[split] = _read_split(path, *pair, transposed=transposed)
    if others:
        said = f"passed over    array {', '.join(others[:8])}"
        first = next(iter(splits))
        splits[first] = replace(splits[first], said=(*splits[first].said, said))
    return splits


def _pairs(path: Path, arrays: list[str]) -> tuple[dict[SplitName, tuple[str, str]], list[str]]:
    """The arrays of images and of labels of each split, and the arrays that are neither."""
    found: dict[str, dict[str, str]] = {}
    paired: set[str] = set()
    for name in arrays:
        split, kind = _meaning(name)
        if split is None or kind is None:
            continue
        twin = found.setdefault(split, {}).setdefault(kind, name)
        if twin != name:
            raise InputError(
                f"{path}: both {twin} and {name} may be the {split} {kind}; "
                "save it without one of them"
            )
    pairs = {
        split: (found[split]["images"], found[split]["labels"])
        for split in FOUND
        if len(found.get(split, {})) == 2
    }
    for pair in pairs.values():
        paired.update(pair)
    return pairs, [name for name in arrays if name not in paired]


def _meaning(name: str) -> tuple[SplitName | None, str | None]:
    """The split and what of it, 'images' or 'labels', that an array has by its name."""
    if name in BY_PLACE:
        return "train", BY_PLACE[name]
    joined = re.fullmatch("([xy])(train|test|val|valid)", name.lower())  # xtrain
    words = list(joined.groups()) if joined else words_of(name)
    kinds = [word for word in words if word in IMAGES or word in LABELS]
    rest = "_".join(word for word in words if word not in kinds)
    if not kinds:
        return None, None
    kind = "labels" if any(word in LABELS for word in kinds) else "images"
    return recognise(rest) if rest else "train", kind


def _read_split(path: Path, images: str, labels: str, *, transposed: bool) -> LabelledImages:
    name = f"{path} [{images}]"
    shape_of_array, dtype = _header(path, images)
    if dtype != np.uint8:
        raise InputError(f"{name}: is of type {dtype}; images must be uint8, 0 to 255")
    layout = find_layout(shape_of_array, name, transposed=transposed)
    _require_bytes(path, images, shape_of_array, dtype)
    n, d = shape_of_array[0], math.prod(layout.shape)
    label_shape, label_type = _header(path, labels)
    if math.prod(label_shape) != n or not np.issubdtype(label_type, np.integer):
        raise InputError(
            f"{path} [{labels}]: {label_type} of shape {label_shape}; "
            f"it needs one integer for each of the {n:,} images"
        )
    _require_bytes(path, labels, label_shape, label_type)
    sizes = [min(LABELS_AT_A_TIME, n - at) for at in range(0, n, LABELS_AT_A_TIME)]
    stream = _stream(path, labels, [size * label_type.itemsize for size in sizes])
    values = np.concatenate([np.frombuffer(data, label_type).astype(np.int64) for data in stream])

    def read() -> Iterator[NDArray[np.uint8]]:
        for data in _stream(path, images, [rows * d for rows in chunks(n, d)]):
            yield layout.rows(np.frombuffer(data, np.uint8).reshape(-1, d))

    return LabelledImages(name, layout.shape, values, read, images, layout.said)


def _header(path: Path, array: str) -> tuple[tuple[int, ...], np.dtype]:
    with _open(path, array) as (file, _):
        shape, fortran_order, dtype = _read_header(file)
    if fortran_order and len(shape) > 1:
        raise InputError(f"{path} [{array}]: is in Fortran order; save np.ascontiguousarray of it")
    if dtype.hasobject:
        raise InputError(f"{path} [{array}]: holds Python objects, which are never loaded")
    return shape, dtype


def _require_bytes(path: Path, array: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """`InputError` if the archive can't have all the bytes that an array claims; reads none."""
    with _open(path, array) as (_, entry):
        size, packed = math.prod(shape) * dtype.itemsize, entry.compress_size
    if entry.file_size < size or not may_hold(size, min(packed, path.stat().st_size)):
        raise InputError(
            f"{path} [{array}]: claims {size:,} bytes, which the {packed:,} packed ones that are "
            "there can't hold; get the file again"
        )


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(file)
    length_bytes = file.read(2 if version == (1, 0) else 4)
    length = int.from_bytes(length_bytes, "little")
    if length > MOST_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    header = io.BytesIO(length_bytes + file.read(length))
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    return readers[version](header)


def _stream(path: Path, array: str, sizes: list[int]) -> Iterator[bytes]:
    with _open(path, array) as (file, _):
        _read_header(file)
        for size in sizes:
            data = file.read(size)
            if len(data) < size:
                raise InputError(f"{path} [{array}]: ends too early")
            yield data


@contextmanager
def _open(path: Path, array: str) -> Iterator[tuple[IO[bytes], zipfile.ZipInfo]]:
    """An array in the archive; whatever reading it fails with becomes an `InputError`."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as file:
            yield file, archive.getinfo(f"{array}.npy")
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} [{array}]: is damaged ({one_line(error)})") from error
