"""How the images of an array lie in it, and the same images as rows of a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.data.description import MOST_PIXELS
from ridge_spark.errors import InputError

CHANNELS = (1, 3)  # what an image file can have once transparency is gone


@dataclass(frozen=True)
class Layout:
    """What the images are and how they are stored.

    shape       (height, width, channels) of the images as they are meant
    planes      the array has (channels, height, width), as PyTorch does
    transposed  the array has rows and columns of each image exchanged, as EMNIST does
    """

    shape: tuple[int, int, int]
    planes: bool = False
    transposed: bool = False

    @property
    def said(self) -> tuple[str, ...]:
        """What a person should know."""
        if not self.planes:
            return ()
        return ("channels       are first in the array; now they are last, as in an image",)

    def rows(self, stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(n, d) images, pixel by pixel and row by row, of (n, d) as they are stored."""
        height, width, channels = self.shape
        if not self.transposed and (channels == 1 or not self.planes):
            return stored
        size = (width, height) if self.transposed else (height, width)
        if self.planes:
            images = stored.reshape(-1, channels, *size).transpose(0, 2, 3, 1)
        else:
            images = stored.reshape(-1, *size, channels)
        if self.transposed:
            images = images.swapaxes(1, 2)
        return np.ascontiguousarray(images).reshape(len(stored), -1)


def find_layout(dimensions: tuple[int, ...], name: str, *, transposed: bool = False) -> Layout:
    """The layout of an array (n, h, w), (n, h, w, c) or (n, c, h, w); `InputError` otherwise.

    Channels are last wherever the last dimension can be theirs.
    """
    if len(dimensions) not in (3, 4) or min(dimensions) < 1:
        raise InputError(
            f"{name}: holds an array of shape {dimensions}; images are (n, height, width), "
            "(n, height, width, channels) or (n, channels, height, width), at least one of them"
        )
    planes = len(dimensions) == 4 and dimensions[3] not in CHANNELS
    if planes and dimensions[1] not in CHANNELS:
        raise InputError(
            f"{name}: holds an array of shape {dimensions}, and no image file has "
            f"{dimensions[3]} channels; save images of 1 or 3, such as images[..., :3]"
        )
    channels, height, width = dimensions[1:] if planes else ((*dimensions, 1)[3], *dimensions[1:3])
    if math.prod(dimensions[1:]) > MOST_PIXELS:
        raise InputError(
            f"{name}: images of {height}x{width}x{channels} are too large; "
            f"the most is {MOST_PIXELS:,} pixels, and a few thousand are usually plenty"
        )
    shape = (width, height, channels) if transposed else (height, width, channels)
    return Layout(shape, planes, transposed)
