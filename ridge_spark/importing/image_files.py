"""Encoded images made upright and 8 bits a channel, through Pillow, whatever is in the bytes."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ridge_spark.importing.plain_png import decode_plain_png, plain_mode

# Only these decoders are ever tried: Pillow has others that start programs or are little used.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".webp")
)
MOST_PIXELS_IN_FILE = 100_000_000
MOST_FILE_BYTES = 512 * 2**20
HOLD_EXIF = frozenset(("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"))
ORIENTATION = 0x0112

TURNED = "turned upright, as their EXIF data says"
TRANSPARENT = "with transparent pixels, laid over the background"
FRAMES = "with several frames, of which the first was taken"
DEEP = "with 16 bits a pixel, brought to 8"


class BadImageError(Exception):
    """The bytes are no image that can be used; the message says why, without naming the file."""


class Picture(NamedTuple):
    """An upright image in mode L or RGB, and what was remarkable about it."""

    image: Image.Image
    notes: list[str]


def read_file(path: str | Path) -> bytes:
    """The bytes of a regular file of bearable size; `BadImageError` if that is not there."""
    try:
        # Opening a pipe by that name would else make us wait for what never comes.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:  # by number: an object for each of many small files takes longer than to read it
            return _read_all(file)
        finally:
            os.close(file)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadImageError(reason) from error


def _read_all(file: int) -> bytes:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise BadImageError("not a file")
    if status.st_size > MOST_FILE_BYTES:
        raise BadImageError(f"larger than {MOST_FILE_BYTES >> 20} MiB")
    data = os.read(file, status.st_size)
    while len(data) < status.st_size and (more := os.read(file, status.st_size - len(data))):
        data += more
    return data


def decode(data: bytes, background: str, into: Image.Image | None = None) -> Picture:
    """The first frame as a person would see it; `BadImageError` if the bytes don't make one.

    What is in the image `into` is not needed any more: it may be written over.
    """
    plain = decode_plain_png(data, MOST_PIXELS_IN_FILE, into)
    if plain is not None:
        return Picture(plain, [])
    with _opened(data) as image:
        image.load()
        notes = [FRAMES] if getattr(image, "is_animated", False) else []
        if not HOLD_EXIF.isdisjoint(image.info):
            if image.getexif().get(ORIENTATION, 1) in range(2, 9):
                notes.append(TURNED)
            ImageOps.exif_transpose(image, in_place=True)
        return Picture(_eight_bits(image, background, notes), notes)


def is_gray(data: bytes) -> bool:
    """True if the image has no colours, by its header alone."""
    if mode := plain_mode(data):
        return mode == "L"
    with _opened(data) as image:
        return image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings: what they are about is either put right or an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    if not data:
        raise BadImageError("empty file")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS_IN_FILE:
                raise BadImageError(_bomb(f"{width}x{height} pixels"))
            yield image
    except (BadImageError, MemoryError):
        raise
    except Image.UnidentifiedImageError as error:
        raise BadImageError(
            f"not an image in one of the formats {', '.join(FORMATS)}, or a damaged one"
        ) from error
    except Image.DecompressionBombError as error:
        raise BadImageError(_bomb("too many pixels")) from error
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise BadImageError(f"damaged: {error or type(error).__name__}") from error


def _bomb(size: str) -> str:
    return f"{size}; over {MOST_PIXELS_IN_FILE // 10**6} million are refused as a bomb"


def _eight_bits(image: Image.Image, background: str, notes: list[str]) -> Image.Image:
    if image.mode.startswith("I"):
        notes.append(DEEP)
        return _from_16_bits(image)
    if image.mode == "F":
        raise BadImageError("pixels are floating-point numbers; save it with 8 or 16 bits")
    if image.has_transparency_data:
        notes.append(TRANSPARENT)
        below = Image.new("RGBA", image.size, background)
        below.alpha_composite(image.convert("RGBA"))
        return below.convert("L" if image.mode in ("L", "LA", "La") else "RGB")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise BadImageError("pixels have more than 16 bits; save it with 8 or 16 bits")
    return Image.fromarray(((values * 255 + 0x7FFF) // 0xFFFF).astype(np.uint8))
