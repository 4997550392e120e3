"""One image file to the pixels a model takes, through Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ridge_spark.errors import InputError

MODES = {1: "L", 3: "RGB"}


def read_image(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The image in `path` as (d,) uint8, fitted to `shape` (height, width, channels)."""
    height, width, channels = shape
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert(MODES[channels])
            if upright.size != (width, height):
                upright = ImageOps.pad(upright, (width, height))
            return np.asarray(upright, np.uint8).reshape(-1)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: can't be read as an image ({error})") from error
