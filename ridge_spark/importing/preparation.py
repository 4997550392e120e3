"""How an image becomes the pixels of a data set: at import, in `predict` and in a model alike."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ridge_spark.errors import InputError

CHANNELS = ("rgb", "gray", "red", "green", "blue")
FITS = ("pad", "crop")
BACKGROUNDS = ("white", "black")


@dataclass(frozen=True)
class Preparation:
    """What is done to every image, in this order, once it is upright and has 8 bits a channel.

    background     colour that transparent pixels are laid over
    channel        'rgb' keeps all three; 'gray' is the luma of ITU-R 601-2,
                   (19595 R + 38470 G + 7471 B + 32768) / 65536 rounded down; or one of the three
    height, width  of the result. The aspect is kept; a larger image is averaged over areas
                   (Pillow's BOX), a smaller one interpolated (its BILINEAR)
    fit            'pad': all of the image is kept and its edge pixels repeated on two sides, so
                   that no border shows; 'crop': its centre is kept
    threshold      None, or t in (0, 1): a pixel becomes 255 where it is at least 255 t, else 0
    """

    height: int
    width: int
    channel: str = "rgb"
    fit: str = "pad"
    background: str = "white"
    threshold: float | None = None

    def __post_init__(self) -> None:
        known = self.channel in CHANNELS and self.fit in FITS and self.background in BACKGROUNDS
        if not known or not (self.threshold is None or 0 < self.threshold < 1):
            raise InputError(f"the preparation {asdict(self)} is none that this program knows")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the result."""
        return self.height, self.width, 3 if self.channel == "rgb" else 1

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Pixels, (height, width, channels), of an upright 8-bit image in mode L or RGB."""
        return self.finished(np.asarray(self.fitted(image))).reshape(self.shape)

    def fitted(self, image: Image.Image) -> Image.Image:
        """All but the threshold: of one image, as an image."""
        same_size = image.size == (self.width, self.height)
        if self.fit == "crop" and not same_size:
            left, top, width, height = self.centre(*image.size)
            image = image.crop((left, top, left + width, top + height))
        image = self._in_channel(image)
        if same_size:
            return image
        if self.fit == "crop":
            return _resized(image, (self.width, self.height))
        return self._padded(_resized(image, self.contained(*image.size)))

    def finished(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The threshold: of fitted pixels, of as many images as there are."""
        if self.threshold is None:
            return pixels
        white = np.greater_equal(pixels, self.level).view(np.uint8)
        return np.negative(white, out=white)  # 0 or 1 to 0 or 255, faster than a product

    @property
    def mode(self) -> str:
        """Pillow's name for the channels of the result."""
        return "RGB" if self.channel == "rgb" else "L"

    @property
    def level(self) -> int:
        """The smallest value of a pixel that the threshold makes white."""
        return math.ceil(255 * (self.threshold or 0))

    def _in_channel(self, image: Image.Image) -> Image.Image:
        if self.channel == "rgb":
            return image if image.mode == "RGB" else image.convert("RGB")
        if image.mode == "L":
            return image
        if self.channel == "gray":
            return image.convert("L")
        return image.getchannel(self.channel[0].upper())

    def _padded(self, image: Image.Image) -> Image.Image:
        pixels = np.asarray(image)
        short = self.height - image.height, self.width - image.width, 0
        around = [(missing // 2, missing - missing // 2) for missing in short[: pixels.ndim]]
        return Image.fromarray(np.pad(pixels, around, mode="edge"))

    def contained(self, width: int, height: int) -> tuple[int, int]:
        """The largest size of this aspect that fits into the result, rounded; (width, height)."""
        if width * self.height > height * self.width:
            return self.width, max(1, _rounded(height * self.width, width))
        return max(1, _rounded(width * self.height, height)), self.height

    def centre(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The centred part that has the aspect of the result: (left, top, width, height)."""
        if width * self.height > height * self.width:
            kept = max(1, _rounded(height * self.width, self.height))
            return (width - kept) // 2, 0, kept, height
        kept = max(1, _rounded(width * self.height, self.width))
        return 0, (height - kept) // 2, width, kept

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a data set and a model; the size is in their shape already."""
        return {
            name: value for name, value in asdict(self).items() if name not in ("height", "width")
        }

    @classmethod
    def stored(cls, shape: tuple[int, int, int], stored: dict[str, Any]) -> Self:
        """The preparation of a data set or a model; a plain one where its images were arrays."""
        height, width, channels = shape
        if not stored:
            if channels not in (1, 3):
                raise InputError(
                    f"images of {channels} channels can't be made from image files; "
                    "give a data set instead"
                )
            return cls(height, width, "rgb" if channels == 3 else "gray", background="black")
        try:
            return cls(height, width, **stored)
        except TypeError as error:
            raise InputError(f"the preparation {stored} is none that this program knows") from error


def parse_size(text: str) -> tuple[int, int]:
    """`40x60` as (height, width)."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise InputError(f"--size {text}: give height x width in pixels, such as 40x60")
    return int(height), int(width)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Across first and then down: left to itself, Pillow's order depends on its version."""
    width, height = size
    shrinks = image.width * image.height > width * height
    kind = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return image.resize((width, image.height), kind).resize((width, height), kind)


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
