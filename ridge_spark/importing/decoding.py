"""Batches of encoded images to batches of pixels: what each worker of an import does."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ridge_spark.errors import InputError
from ridge_spark.importing.encoded import Encoded, read_encoded
from ridge_spark.importing.image_files import BadImageError, decode, quiet_pillow
from ridge_spark.importing.preparation import Preparation

MOST_BATCH = 256
BATCH_BYTES = 2**19  # of more, the memory would be asked of the system anew each time
MOST_EXAMPLES = 10


@dataclass
class Tally:
    """What a summary tells of the images besides their number; tallies add up."""

    sizes: Counter[str] = field(default_factory=Counter)  # before preparation
    notes: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    examples: list[str] = field(default_factory=list)  # of bad images, with the reason

    def skip(self, name: str, reason: object) -> None:
        self.bad += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(f"{name}: {reason}")

    def __iadd__(self, other: Tally) -> Tally:
        self.sizes.update(other.sizes)
        self.notes.update(other.notes)
        self.bad += other.bad
        self.examples = (self.examples + other.examples)[:MOST_EXAMPLES]
        return self


@dataclass
class Prepared:
    """A batch ready to write: `images` (n, d) uint8, `labels` (n,), `held_out` (n,) for testing."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    held_out: NDArray[np.bool_]
    visited: int  # images looked at, bad ones among them
    tally: Tally


@dataclass(frozen=True)
class Decoder:
    """Decodes and prepares the images of a source; small, so that it travels to workers.

    only_size   (width, height) every image must have, where no size was asked for
    test_split  share of the images to hold out for testing, by a hash of their bytes: which one
                is held out depends on the image alone, and copies of one are never on both sides
    """

    root: str
    preparation: Preparation
    only_size: tuple[int, int] | None
    test_split: float
    skip_bad: bool

    @property
    def batch_size(self) -> int:
        """Images to decode at a time."""
        return max(1, min(MOST_BATCH, BATCH_BYTES // math.prod(self.preparation.shape)))

    def __call__(self, batch: Sequence[Encoded]) -> Prepared:
        height, width, _ = self.preparation.shape
        # One tall image holds them all: pasting is quicker than an array for each, by far.
        sheet = Image.new(self.preparation.mode, (width, height * len(batch)))
        labels: list[int] = []
        held_out: list[bool] = []
        tally = Tally()
        image: Image.Image | None = None
        with quiet_pillow():
            for item in batch:
                try:
                    data = read_encoded(self.root, item)
                    image = self._decode(data, item, tally, image)
                except BadImageError as error:
                    self._skip_or_stop(item, error, tally)
                    continue
                sheet.paste(self.preparation.fitted(image), (0, height * len(labels)))
                labels.append(item.label)
                held_out.append(self.test_split > 0 and hash_fraction(data) < self.test_split)
        n = len(labels)
        pixels = np.asarray(sheet)[: n * height].reshape(n, -1)
        return Prepared(
            self.preparation.finished(pixels),
            np.array(labels, np.int32),
            np.array(held_out, bool),
            len(batch),
            tally,
        )

    def _decode(
        self, data: bytes, item: Encoded, tally: Tally, last: Image.Image | None
    ) -> Image.Image:
        image, notes = decode(data, self.preparation.background, last)
        width, height = image.size
        if self.only_size not in (None, image.size):
            wanted_width, wanted_height = self.only_size or (0, 0)
            raise InputError(
                f"{item.path(self.root)}: is {height}x{width}, but the first image is "
                f"{wanted_height}x{wanted_width}; give --size HEIGHTxWIDTH to bring all to one size"
            )
        tally.sizes[f"{height}x{width}"] += 1
        if notes:
            tally.notes.update(notes)
        return image

    def _skip_or_stop(self, item: Encoded, error: BadImageError, tally: Tally) -> None:
        if not self.skip_bad:
            raise InputError(
                f"{item.path(self.root)}: {error}; mend or remove it, or leave such images out "
                "with --skip-bad"
            ) from error
        tally.skip(item.path(self.root), error)


def hash_fraction(data: bytes) -> float:
    """A number in [0, 1) that depends on `data` alone, evenly spread."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little") / 2.0**64
