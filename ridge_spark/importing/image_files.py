"""Encoded images made upright and 8 bits a channel, through Pillow, whatever is in the bytes."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ridge_spark.importing import cut_jpeg
from ridge_spark.importing.eight_bits import (
    UnusablePixelsError,
    bits_of,
    require_known_pixels,
    to_eight_bits,
)
from ridge_spark.importing.plain_png import decode_plain_png, plain_mode

# Only these decoders are ever tried: Pillow has others that start programs or are little used.
AVIF = ("AVIF",) if find_spec("PIL._avif") else ()  # from Pillow 11.3, if built with it
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP", *AVIF)
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".webp",
     *(f".{kind.lower()}" for kind in AVIF))
)  # fmt: skip
STARTS = {
    b"\x89PNG": "PNG", b"\xff\xd8": "JPEG", b"BM": "BMP", b"GIF8": "GIF", b"RIFF": "WebP",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "BigTIFF", b"MM\0+": "BigTIFF",
}  # fmt: skip
BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF"}
MOST_PIXELS_IN_FILE = 100_000_000
MOST_FILE_BYTES = 512 * 2**20
HOLD_EXIF = frozenset(("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"))
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
PNG_GRAY = (0, 4)  # colour types

TURNED = "turned upright, as their EXIF data says"
FRAMES = "with several frames, of which the first was taken"
CUT = "without their last bytes, which hold none of the picture"


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
    try:
        return _decode_any(data, background)
    except BadImageError as error:
        whole = cut_jpeg.mended(data) if isinstance(error.__cause__, OSError) else None
        if whole is None:
            raise
        picture = _decode_any(whole, background)
        return Picture(picture.image, [*picture.notes, CUT])


def is_gray(data: bytes) -> bool:
    """True if the image has no colours, by its header alone."""
    if mode := plain_mode(data):
        return mode == "L"
    with _opened(data) as image:
        if image.format == "PNG":
            return data[25] in PNG_GRAY
        return image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")


def _decode_any(data: bytes, background: str) -> Picture:
    with _opened(data) as image:
        require_known_pixels(image)
        bits = bits_of(image, data)
        notes = [FRAMES] if getattr(image, "is_animated", False) else []
        turn = _turn(image) if image.format == "TIFF" else None  # which Pillow turns itself
        image.load()
        picture = to_eight_bits(image, bits, background, notes)
        if image.format != "TIFF" and not HOLD_EXIF.isdisjoint(image.info):
            turn = _turn(image)
            picture = picture if turn is None else picture.transpose(turn)
        return Picture(picture, notes if turn is None else [*notes, TURNED])


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What turns the image upright. Of its EXIF data, nothing but the orientation is looked at."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # what is in it may be anything, and viewers pass over it
        return None


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
    except UnusablePixelsError as error:
        raise BadImageError(str(error)) from error
    except Image.UnidentifiedImageError as error:
        raise BadImageError(_unidentified(data)) from error
    except Image.DecompressionBombError as error:
        raise BadImageError(_bomb("too many pixels")) from error
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise BadImageError(f"damaged: {error or type(error).__name__}") from error


def _unidentified(data: bytes) -> str:
    if data[4:8] == b"ftyp" and (kind := BRANDS.get(data[8:12])):
        return f"is {kind}, whatever its name, which is not read; convert it to PNG or JPEG"
    for start, kind in STARTS.items():
        if data.startswith(start):
            return (
                f"{kind} that is damaged or stored in a way that is not read; save it with 8 or "
                "16 bits a channel, gray or RGB"
            )
    return f"not an image in one of the formats {', '.join(FORMATS)}, or a damaged one"


def _bomb(size: str) -> str:
    return f"{size}; over {MOST_PIXELS_IN_FILE // 10**6} million are refused as a bomb"
