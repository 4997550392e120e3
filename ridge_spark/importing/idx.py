"""IDX files, the format of MNIST: a pair of image file and label file, gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.importing.labelled import LabelledImages, chunk_rows, image_shape

UNSIGNED_BYTES = 0x08
MOST_LABELS = 10**9
SPLIT_OF_PREFIX = {"train": "train", "t10k": "test", "test": "test"}


def read_pair(images: Path, labels: Path) -> LabelledImages:
    """Read an image file and its label file; `InputError` if either is damaged or they differ."""
    with _open(images) as file:
        shape_of_file = _header(file, images)
        shape = image_shape(shape_of_file, str(images))
    n = shape_of_file[0]
    with _open(labels) as file:
        label_shape = _header(file, labels)
        if len(label_shape) != 1 or not 0 < label_shape[0] <= MOST_LABELS:
            raise InputError(
                f"{labels}: holds an array of shape {label_shape}, not a list of labels"
            )
        values = np.frombuffer(_exactly(file, label_shape[0], labels), np.uint8)
        _require_end(file, labels)
    if len(values) != n:
        raise InputError(f"{labels}: {len(values):,} labels for the {n:,} images of {images}")

    def read() -> Iterator[NDArray[np.uint8]]:
        d, rows = math.prod(shape), chunk_rows(math.prod(shape))
        with _open(images) as file:
            _header(file, images)
            for start in range(0, n, rows):
                size = min(rows, n - start)
                yield np.frombuffer(_exactly(file, size * d, images), np.uint8).reshape(size, d)
            _require_end(file, images)

    return LabelledImages(str(images), shape, values, read)


def read_idx(source: Path, labels: Path | None = None) -> dict[str, LabelledImages]:
    """The splits in a folder of IDX files, or the one pair of an image file and `labels`."""
    pairs = {"train": (source, labels)} if labels else find_pairs(source)
    return {split: read_pair(*pair) for split, pair in pairs.items()}


def find_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The IDX pairs in a folder, by split, found by the names MNIST's files have."""
    pairs = {}
    for prefix, split in SPLIT_OF_PREFIX.items():
        found = [
            sorted(path for path in folder.glob(f"{prefix}[-_]{kind}*") if path.is_file())
            for kind in ("images", "labels")
        ]
        if all(found):
            pairs[split] = (found[0][0], found[1][0])
    if "train" not in pairs:
        raise InputError(
            f"{folder}: no IDX training pair in it (train-images..., train-labels...); "
            "or name the two files: ridge-spark import idx IMAGES --labels LABELS"
        )
    return pairs


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        with open(path, "rb") as plain:
            gzipped = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            with gzip.GzipFile(fileobj=plain) if gzipped else plain as file:
                yield file  # type: ignore[misc]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (EOFError, zlib.error, OSError) as error:
        raise InputError(f"{path}: can't be read ({error}); get the file again") from error


def _header(file: IO[bytes], path: Path) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTES:
        raise InputError(
            f"{path}: wrong magic number 0x{magic.hex()}; an IDX file of bytes starts with 0x000008"
        )
    return tuple(int(size) for size in np.frombuffer(_exactly(file, 4 * magic[3], path), ">u4"))


def _exactly(file: IO[bytes], size: int, path: Path) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise InputError(f"{path}: ends too early; get the file again")
    return data


def _require_end(file: IO[bytes], path: Path) -> None:
    if file.read(1):
        raise InputError(f"{path}: longer than its header says; get the file again")
