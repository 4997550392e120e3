"""Predictions on this machine: of image files prepared as at import, or of a data set's images."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Split, find_splits, read_blocks
from ridge_spark.data.same_images import require_same_images
from ridge_spark.errors import InputError
from ridge_spark.importing.image_files import BadImageError, decode, quiet_pillow, read_file
from ridge_spark.importing.listing import list_images
from ridge_spark.importing.preparation import Preparation
from ridge_spark.model import Model
from ridge_spark.ridge.centring import Float

FILES_AT_A_TIME = 64
STANDARD_INPUT = "-"

log = logging.getLogger(__name__)

Skip = Callable[[str], None]


@dataclass(frozen=True)
class Prediction:
    """The class of one image, and by how much its score is above that of the second best."""

    name: str
    scores: Float  # (k,)
    predicted: int
    margin: float


def predict_paths(
    model: Model, paths: Sequence[str], skip: Skip | None = None
) -> Iterator[Prediction]:
    """Classify files, folders of files, data sets and splits of them, in the order given.

    "-" stands for the files that standard input names, one a line.

    A damaged file is told to `skip`; without it, `InputError`.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            yield from _of_files(model, (line.rstrip("\n") for line in sys.stdin), skip)
            continue
        splits = find_splits(path)
        for split in splits:
            yield from _of_split(model, split)
        if not splits:
            yield from _of_files(model, _files(path), skip)


def classify(scores: Float) -> tuple[NDArray[np.intp], Float]:
    """Class numbers (n,) and margins (n,) of `scores` (n, k)."""
    best_two = np.partition(scores, -2, axis=1)[:, -2:]
    return scores.argmax(axis=1), best_two[:, 1] - best_two[:, 0]


def _of_split(model: Model, split: Split) -> Iterator[Prediction]:
    require_same_images(split.uri, split.description, model)
    for block in read_blocks(split.blocks):
        names = (f"{split.uri}:{block.first_row + row}" for row in range(len(block.labels)))
        yield from _predictions(model, names, block.images)


def _of_files(model: Model, files: Iterator[str], skip: Skip | None) -> Iterator[Prediction]:
    preparation = Preparation.stored(model.shape, model.preparation)
    while names := list(islice(files, FILES_AT_A_TIME)):
        readable, images = [], []
        with quiet_pillow():
            for name in names:
                try:
                    image, _ = decode(read_file(name), preparation.background)
                except BadImageError as error:
                    if skip is None:
                        raise InputError(
                            f"{name}: {error}; mend it, or leave such images out with --skip-bad"
                        ) from error
                    skip(f"{name}: {error}")
                    continue
                readable.append(name)
                images.append(preparation.apply(image).reshape(-1))
        if images:
            yield from _predictions(model, readable, np.stack(images))


def _predictions(
    model: Model, names: Iterable[str], images: NDArray[np.uint8]
) -> Iterator[Prediction]:
    scores = model.decision_function(images, threads=available_cores())
    for name, row, predicted, margin in zip(names, scores, *classify(scores), strict=True):
        yield Prediction(name, row, int(predicted), float(margin))


def _files(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    listing = list_images(path)
    unread = listing.unread_formats()
    if not listing.images:
        has = f"; it has {unread}, which are not read: convert them" if unread else ""
        raise InputError(f"{path}: neither a data set nor a folder with images in it{has}")
    if unread:
        log.warning("%s: %s are not read; convert them to PNG or JPEG", path, unread)
    for name in sorted(listing.images):
        yield os.path.join(path, name)
