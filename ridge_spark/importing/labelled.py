"""A split as the readers of arrays hand it over: chunks of images, and all of its labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ridge_spark.data.description import Description
from ridge_spark.errors import InputError
from ridge_spark.importing.decoding import Prepared, Tally, hash_fraction
from ridge_spark.importing.options import ImportOptions
from ridge_spark.importing.preparation import Preparation
from ridge_spark.importing.report import Advance, Report, require_two_classes, write_prepared
from ridge_spark.importing.sources import UNLABELLED, class_order, number_labels

CHUNK_BYTES = 4 * 2**20


@dataclass(frozen=True)
class LabelledImages:
    """Images that are read as they are needed, with their labels, which are small, in memory.

    name    what to call the source in an error message
    shape   (height, width, channels)
    labels  (n,) integers or text; below 0 or empty where an image has none, as competitions
            hand out test images
    read    opens the source and yields (rows, d) uint8 chunks that add up to n rows
    found_as  what names the split there, such as an array; empty where nothing does
    said    what a person should know, for the summary
    """

    name: str
    shape: tuple[int, int, int]
    labels: NDArray[np.integer] | NDArray[np.str_]
    read: Callable[[], Iterator[NDArray[np.uint8]]]
    found_as: str = ""
    said: tuple[str, ...] = ()


def import_labelled(
    uri: str,
    source: str,
    splits: Mapping[str, LabelledImages],
    options: ImportOptions | None = None,
    advance: Advance = lambda _: None,
    like: Description | None = None,
) -> Report:
    """Write a data set of `splits`, a class for each label of the first, the training images.

    With `like`, of the classes and shape of that description instead.
    """
    options = options or ImportOptions()
    train = next(iter(splits.values()))
    for images in splits.values():
        _check(images, train)
    unlabelled = _require_labels(splits)
    class_names = like.class_names if like else class_order(map(str, np.unique(train.labels)))
    if not like:
        require_two_classes(class_names, train.name)
    preparation = _preparation(options, train.shape, like)
    description = Description(
        preparation.shape if preparation else train.shape,
        class_names,
        source,
        like.preparation if like else preparation.to_dict() if preparation else {},
    )
    streams = {
        split: _prepare(images, class_names, preparation, options.held_out_of(split))
        for split, images in splits.items()
    }
    report = write_prepared(uri, description, streams, advance, complete=like is None)
    report.left_out += unlabelled
    return report


def chunks(n: int, d: int) -> list[int]:
    """How many of n images of d bytes to read at a time, one time after the other."""
    rows = max(1, CHUNK_BYTES // d)
    return [min(rows, n - start) for start in range(0, n, rows)]


def _check(images: LabelledImages, train: LabelledImages) -> None:
    if images.shape != train.shape:
        raise InputError(
            f"{images.name}: images of shape {images.shape}, but the training images have "
            f"{train.shape}; all images of a data set have one shape"
        )


def _require_labels(splits: Mapping[str, LabelledImages]) -> Counter[str]:
    """How many images have no label and are left out; `InputError` if they are to train on."""
    missing = {split: int((~_labelled(images)).sum()) for split, images in splits.items()}
    for split, images in splits.items():
        if missing[split] and split != "test":
            first = images.labels[~_labelled(images)][0]
            raise InputError(
                f"{images.name}: label {first} is out of range (below 0)"
                if str(first)
                else f"{images.name}: {missing[split]:,} images have no label; remove them"
            )
    return +Counter({UNLABELLED: sum(missing.values())})


def _labelled(images: LabelledImages) -> NDArray[np.bool_]:
    """(n,) which images have a label."""
    if np.issubdtype(images.labels.dtype, np.signedinteger):
        return images.labels.astype(np.int64) >= 0
    if np.issubdtype(images.labels.dtype, np.str_):
        return images.labels.astype(np.str_) != ""
    return np.ones(len(images.labels), bool)


def _preparation(
    options: ImportOptions, shape: tuple[int, int, int], like: Description | None
) -> Preparation | None:
    """None where the arrays go in as they are."""
    if like:
        if like.shape == shape and not like.preparation:
            return None
        return Preparation.stored(like.shape, like.preparation)
    if not (options.size or options.channel or options.threshold):
        return None
    if shape[2] not in (1, 3):
        raise InputError(f"images of {shape[2]} channels can't be prepared, only imported as is")
    return options.preparation(options.size or shape[:2], gray=shape[2] == 1)


def _prepare(
    images: LabelledImages,
    class_names: tuple[str, ...],
    preparation: Preparation | None,
    test_split: float,
) -> Iterator[Prepared]:
    labelled = _labelled(images)
    values, which = np.unique(images.labels[labelled], return_inverse=True)
    labels = np.full(len(labelled), -1, np.int32)
    numbers = number_labels([str(value) for value in values], class_names, images.name)
    labels[labelled] = numbers[which]
    start = 0
    for chunk in images.read():
        rows = slice(start, start + len(chunk))
        held_out = np.zeros(len(chunk), bool)
        if test_split:
            held_out[:] = [hash_fraction(row.tobytes()) < test_split for row in chunk]
        tally = Tally(Counter({f"{images.shape[0]}x{images.shape[1]}": len(chunk)}))
        if preparation:
            chunk = _apply(preparation, chunk.reshape(-1, *images.shape))  # noqa: PLW2901
        kept = labelled[rows]
        if kept.all():
            yield Prepared(chunk, labels[rows], held_out, len(chunk), tally)
        elif kept.any():
            yield Prepared(chunk[kept], labels[rows][kept], held_out[kept], len(chunk), tally)
        start = rows.stop


def _apply(preparation: Preparation, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    prepared = np.empty((len(images), math.prod(preparation.shape)), np.uint8)
    for row, image in zip(prepared, images, strict=True):
        pixels = image[:, :, 0] if image.shape[2] == 1 else image
        row[:] = preparation.apply(Image.fromarray(pixels)).reshape(-1)
    return prepared
