"""IDX files, the format of MNIST: a pair of image file and label file, gzipped or not."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.importing.array_layout import find_layout
from ridge_spark.importing.labelled import LabelledImages, chunks
from ridge_spark.importing.packed import may_hold
from ridge_spark.importing.splits import recognise

UNSIGNED_BYTES = 0x08
MOST_LABELS = 10**9
TEST = "t10k"  # of 10,000 images, as MNIST and what is like it calls its test images
NAME = re.compile(
    r"(?P<set>.*?)(?P<split>train|t10k|test|valid(?:ation)?|val)[-_.](?P<kind>images|labels)\b.*",
    re.IGNORECASE,
)


def read_pair(
    images: Path, labels: Path, *, transposed: bool = False, found_as: str = ""
) -> LabelledImages:
    """Read an image file and its label file; `InputError` if either is damaged or they differ."""
    with _open(images) as file:
        shape_of_file = _header(file, images)
        layout = find_layout(shape_of_file, str(images), transposed=transposed)
    n, d = shape_of_file[0], math.prod(layout.shape)
    with _open(labels) as file:
        label_shape = _header(file, labels)
        if len(label_shape) != 1 or not 0 < label_shape[0] <= MOST_LABELS:
            raise InputError(
                f"{labels}: holds an array of shape {label_shape}, not a list of labels"
            )
        if label_shape[0] != n:
            raise InputError(
                f"{labels}: {label_shape[0]:,} labels for the {n:,} images of {images}"
            )
        values = np.frombuffer(_exactly(file, n, labels), np.uint8)
        _require_end(file, labels)

    def read() -> Iterator[NDArray[np.uint8]]:
        with _open(images) as file:
            _header(file, images)
            for rows in chunks(n, d):
                stored = np.frombuffer(_exactly(file, rows * d, images), np.uint8)
                yield layout.rows(stored.reshape(rows, d))
            _require_end(file, images)

    return LabelledImages(str(images), layout.shape, values, read, found_as, layout.said)


def read_idx(
    source: Path, labels: Path | None = None, *, transposed: bool = False
) -> dict[str, LabelledImages]:
    """The splits in a folder of IDX files, or the one pair of an image file and `labels`."""
    if labels:
        return {"train": read_pair(source, labels, transposed=transposed)}
    return {
        split: read_pair(*pair, transposed=transposed, found_as=pair[0].name)
        for split, pair in find_pairs(source).items()
    }


def find_pairs(source: Path) -> dict[str, tuple[Path, Path]]:
    """The IDX pairs in a folder, by split, found by names as MNIST's files have them.

    A folder of several sets, as EMNIST's, needs to be told which by the start of its files' names:
    `folder/emnist-letters`.
    """
    folder, start = (source, "") if source.is_dir() else (source.parent, source.name)
    found: dict[str, dict[str, dict[str, Path]]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = NAME.fullmatch(path.name)
        file = path / path.name if path.is_dir() else path  # some unpack each into a folder
        if match and file.is_file() and path.name.startswith(start):
            named = match["split"].lower()
            split = "test" if named == TEST else recognise(named)
            if split:
                pair = found.setdefault(match["set"], {}).setdefault(split, {})
                pair.setdefault(match["kind"].lower(), file)
    sets = {
        name: {
            split: (pair["images"], pair["labels"])
            for split, pair in splits.items()
            if len(pair) == 2
        }
        for name, splits in found.items()
    }
    sets = {name: splits for name, splits in sets.items() if "train" in splits}
    if len(sets) > 1:
        names = sorted(name.rstrip("-_.") for name in sets)
        raise InputError(
            f"{folder}: has several sets ({', '.join(names)}); name one: "
            f"ridge-spark import idx {folder / names[0]}"
        )
    if not sets:
        raise InputError(
            f"{source}: no IDX training pair in it (train-images..., train-labels...); "
            "or name the two files: ridge-spark import idx IMAGES --labels LABELS"
        )
    return next(iter(sets.values()))


def find_file(folder: Path, name: str) -> Path | None:
    """A file of MNIST's by its name, such as `train-images-idx3-ubyte`, as mirrors spell it.

    It may be gzipped, have a dot before `idx3`, and be in a folder of its own name.
    """
    for spelt in (name, name.replace("-idx", ".idx")):
        for file in (folder / spelt, folder / f"{spelt}.gz", folder / spelt / spelt):
            if file.is_file():
                return file
    return None


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
    data = file.read(size) if may_hold(size, path.stat().st_size) else b""
    if len(data) < size:
        raise InputError(f"{path}: ends too early; get the file again")
    return data


def _require_end(file: IO[bytes], path: Path) -> None:
    if file.read(1):
        raise InputError(f"{path}: longer than its header says; get the file again")
