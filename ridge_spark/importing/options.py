"""What a person asks of an import, and what the images themselves tell where nothing was asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice

from ridge_spark.data.description import MOST_PIXELS, Description
from ridge_spark.errors import InputError
from ridge_spark.importing.decoding import Decoder
from ridge_spark.importing.encoded import read_encoded
from ridge_spark.importing.image_files import BadImageError, decode, is_gray, quiet_pillow
from ridge_spark.importing.preparation import Preparation
from ridge_spark.importing.sources import Source
from ridge_spark.importing.splits import written_to

SAMPLE = 100  # images whose headers are looked at to tell gray from colour


@dataclass(frozen=True)
class ImportOptions:
    """The options of `ridge-spark import`; None where the images decide.

    size is (height, width). Without it all images must have the size of the first. Without a
    channel, images are gray if all of a sample are, or if a threshold is asked for.

    validation_split is what becomes of validation images: 'train', 'test' or 'leave-out'; None for
    train where there are test images and for test where there are none.
    """

    size: tuple[int, int] | None = None
    channel: str | None = None
    fit: str = "pad"
    background: str = "white"
    threshold: float | None = None
    test_split: float = 0.0
    skip_bad: bool = False
    validation_split: str | None = None

    def held_out_of(self, split: str) -> float:
        """The fraction of a split of the source that is held out for testing."""
        return self.test_split if written_to(split) == "train" else 0.0

    def decoder(self, source: Source, like: Description | None = None) -> Decoder:
        """Settle what the images of a source are turned into: what those of `like` were, if any."""
        only_size = None
        if like:
            preparation = Preparation.stored(like.shape, like.preparation)
        else:
            size, gray = _look(source)
            preparation = self.preparation(self.size or size, gray=gray)
            only_size = None if self.size else (size[1], size[0])
        return Decoder(source.root, preparation, only_size, self.test_split, self.skip_bad)

    def preparation(self, size: tuple[int, int], *, gray: bool) -> Preparation:
        """The preparation asked for, of images that are (height, width) unless asked otherwise."""
        channel = self.channel or ("gray" if gray or self.threshold is not None else "rgb")
        preparation = Preparation(*size, channel, self.fit, self.background, self.threshold)
        if math.prod(preparation.shape) > MOST_PIXELS:
            raise InputError(
                f"images of {size[0]}x{size[1]} pixels are too large to train on, the most is "
                f"{MOST_PIXELS:,}; give a smaller --size, a few thousand pixels are usually plenty"
            )
        return preparation


def _look(source: Source) -> tuple[tuple[int, int], bool]:
    """(height, width) of the first image that can be read, and whether a sample is all gray."""
    size, gray, reason = None, True, ""
    with quiet_pillow():
        for item in islice(source, SAMPLE):
            try:
                data = read_encoded(source.root, item)
                size = size or decode(data, "white").image.size[::-1]
                gray = gray and is_gray(data)
            except BadImageError as error:
                reason = reason or f"{item.path(source.root)}: {error}"
    if size is None:
        raise InputError(f"none of the first {SAMPLE} images can be read ({reason})")
    return size, gray
