"""Predictions on this machine: of image files prepared as at import, or of a data set's images."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Split, find_splits, read_split
from ridge_spark.data.same_images import require_same_images
from ridge_spark.errors import InputError
from ridge_spark.importing.image_files import BadImageError, decode, quiet_pillow, read_file
from ridge_spark.importing.listing import list_images
from ridge_spark.importing.preparation import Preparation
from ridge_spark.model import Model
from ridge_spark.printable import without_secrets
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.scoring import best_two
from ridge_spark.ridge.scoring import scores as scores_of

FILES_AT_A_TIME = 64
STANDARD_INPUT = "-"

log = logging.getLogger(__name__)

Skip = Callable[[str], None]


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    name         of its file, or DATA SET:ROW
    row, label   of an image of a data set: its row in the split, the class it is labelled with
    predicted    the class whose score is largest          runner_up  that of the second largest
    margin       by how much the one exceeds the other
    proba        (k,) probabilities of the classes; None of a model without a temperature
    """

    name: str
    scores: Float  # (k,)
    predicted: int
    runner_up: int
    margin: float
    proba: Float | None
    row: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Answers:
    """What a model says of n images: scores (n, k), the best two classes, probabilities (n, k).

    `sums` (d,) int64 are those of the images as the model sees them.
    """

    scores: Float
    predicted: NDArray[np.intp]
    runner_up: NDArray[np.intp]
    margin: Float
    proba: Float | None
    sums: NDArray[np.int64]

    @classmethod
    def of(cls, model: Model, images: NDArray[np.uint8], *, threads: int = 1) -> Answers:
        scores = np.empty((len(images), len(model.intercept)))
        sums = np.zeros(model.coef.shape[1], np.int64)
        for some, seen in model.parts(images, threads=threads):
            scores[some] = scores_of(seen, model.coef, model.intercept)
            sums += seen.sum(axis=0, dtype=np.int64)
        rows = np.arange(len(scores))
        predicted, runner_up = best_two(scores)
        margin = scores[rows, predicted] - scores[rows, runner_up]
        proba = None if model.temperature is None else model.probabilities(scores)
        return cls(scores, predicted, runner_up, margin, proba, sums)


@dataclass
class Watched:
    """How many images have been classified, and their sums as the model sees them."""

    n: int = 0
    sums: NDArray[np.int64] | int = 0

    def add(self, answers: Answers) -> None:
        self.n += len(answers.scores)
        self.sums = self.sums + answers.sums


def predict_paths(
    model: Model, paths: Sequence[str], skip: Skip | None = None, watched: Watched | None = None
) -> Iterator[Prediction]:
    """Classify files, folders of files, data sets and splits of them, in the order given.

    "-" stands for the files that standard input names, one a line.

    A damaged file is told to `skip`; without it, `InputError`. `watched` learns what is classified.
    """
    watched = watched or Watched()
    for path in paths:
        if path == STANDARD_INPUT:
            names = (line.rstrip("\n") for line in sys.stdin)
            yield from _of_files(model, names, skip, watched)
            continue
        splits = find_splits(path)
        for split in splits:
            yield from _of_split(model, split, watched)
        if not splits:
            yield from _of_files(model, _files(path), skip, watched)


def _of_split(model: Model, split: Split, watched: Watched) -> Iterator[Prediction]:
    require_same_images(split.uri, split.description, model)
    names, where = split.description.class_names, without_secrets(split.uri)
    for block in read_split(split):
        for i, prediction in enumerate(_predictions(model, block.images, watched)):
            row = block.first_row + i
            yield replace(prediction, name=f"{where}:{row}", row=row, label=names[block.labels[i]])


def _of_files(
    model: Model, files: Iterator[str], skip: Skip | None, watched: Watched
) -> Iterator[Prediction]:
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
            for name, prediction in zip(
                readable, _predictions(model, np.stack(images), watched), strict=True
            ):
                yield replace(prediction, name=name)


def _predictions(model: Model, images: NDArray[np.uint8], watched: Watched) -> Iterator[Prediction]:
    found = Answers.of(model, images, threads=available_cores())
    watched.add(found)
    for i, scores in enumerate(found.scores):
        yield Prediction(
            name="",
            scores=scores,
            predicted=int(found.predicted[i]),
            runner_up=int(found.runner_up[i]),
            margin=float(found.margin[i]),
            proba=None if found.proba is None else found.proba[i],
        )


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
