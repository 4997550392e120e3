"""A split as the readers hand it over: chunks of images, and all of its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.dataset import MOST_PIXELS, Description
from ridge_spark.data.writer import Chunk, write_dataset
from ridge_spark.errors import InputError

CHUNK_BYTES = 4 * 2**20


@dataclass(frozen=True)
class LabelledImages:
    """Images that are read as they are needed, with their labels, which are small, in memory.

    name    what to call the source in an error message
    shape   (height, width, channels)
    labels  (n,) integers of any value from 0 up
    read    opens the source and yields (rows, d) uint8 chunks that add up to n rows
    """

    name: str
    shape: tuple[int, int, int]
    labels: NDArray[np.integer]
    read: Callable[[], Iterator[NDArray[np.uint8]]]


def import_labelled(uri: str, source: str, splits: dict[str, LabelledImages]) -> dict[str, int]:
    """Write a data set of `splits`; a class for each label that occurs in the training images."""
    train = splits["train"]
    values = np.unique(train.labels)
    for images in splits.values():
        _check(images, train, values)
    if len(values) < 2:
        raise InputError(
            f"{train.name}: all images have the same label; a classifier needs at least two classes"
        )
    description = Description(train.shape, tuple(str(value) for value in values), source)
    return write_dataset(
        uri, description, {name: _chunks(images, values) for name, images in splits.items()}
    )


def chunk_rows(d: int) -> int:
    """Images to read at a time."""
    return max(1, CHUNK_BYTES // d)


def image_shape(dimensions: tuple[int, ...], name: str) -> tuple[int, int, int]:
    """(height, width, channels) from (n, h, w) or (n, h, w, c); `InputError` if it is not that."""
    if len(dimensions) not in (3, 4) or min(dimensions) < 1:
        raise InputError(
            f"{name}: holds an array of shape {dimensions}; images are (n, height, width) or "
            "(n, height, width, channels), at least one of them"
        )
    height, width, channels = (*dimensions[1:], 1)[:3]
    if height * width * channels > MOST_PIXELS:
        raise InputError(
            f"{name}: images of {height}x{width}x{channels} are too large; "
            f"the most is {MOST_PIXELS:,} pixels, and a few thousand are usually plenty"
        )
    return height, width, channels


def _check(images: LabelledImages, train: LabelledImages, values: NDArray[np.integer]) -> None:
    if images.shape != train.shape:
        raise InputError(
            f"{images.name}: images of shape {images.shape}, but the training images have "
            f"{train.shape}; all images of a data set have one shape"
        )
    if images.labels.min() < 0:
        raise InputError(f"{images.name}: label {images.labels.min()} is out of range (below 0)")
    unknown = np.setdiff1d(images.labels, values)
    if len(unknown):
        raise InputError(
            f"{images.name}: label {unknown[0]} is out of range, no training image has it"
        )


def _chunks(images: LabelledImages, values: NDArray[np.integer]) -> Iterator[Chunk]:
    numbers = np.searchsorted(values, images.labels)
    start = 0
    for chunk in images.read():
        yield chunk, numbers[start : start + len(chunk)]
        start += len(chunk)
