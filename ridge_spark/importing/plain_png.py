"""PNG files that hold nothing but pixels, decoded without a look for anything else, and made."""

from __future__ import annotations

import struct
from zlib import adler32, crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEADER_END = 33
MOST_STORED = 0xFFFF  # bytes in a block that is not compressed
START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
END = b"\0\0\0\0IEND\xaeB`\x82"
# Mode by bit depth, colour type, compression, filter method and (no) interlacing.
MODES = {b"\x08\x00\0\0\0": "L", b"\x08\x02\0\0\0": "RGB"}


def decode_plain_png(
    data: bytes, most_pixels: int, into: Image.Image | None = None
) -> Image.Image | None:
    """The image in mode L or RGB; None if this is not such a file, is damaged or too large.

    It is `into`, written over, if that has its mode and size: making one takes a while as well.

    Opening a small file takes Pillow longer than decoding it does. Its decoder is used here too, so
    the pixels are the same; and what it would complain of is left to it, as None.
    """
    mode, compressed = plain_mode(data), _compressed(data)
    width, height = _number(data, 16), _number(data, 20)
    if mode is None or not compressed or not 0 < width * height <= most_pixels:
        return None
    if into is None or (into.mode, into.size) != (mode, (width, height)):
        into = Image.new(mode, (width, height))
    try:
        into.frombytes(compressed, "zip", mode, 0)
    except ValueError:
        return None
    return into


def encode_plain_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of (height, width, channels) pixels, 1, 3 or, with alpha last, 4.

    It is not compressed, so that it has the same bytes whichever version of zlib there is.
    """
    height, width, channels = pixels.shape
    colour_type = {1: 0, 3: 2, 4: 6}[channels]
    lines = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = pixels.reshape(height, -1)
    raw = lines.tobytes()
    blocks = bytearray(b"\x78\x01")
    for start in range(0, len(raw), MOST_STORED):
        part = raw[start : start + MOST_STORED]
        last = start + MOST_STORED >= len(raw)
        blocks += struct.pack("<BHH", last, len(part), len(part) ^ 0xFFFF) + part
    blocks += struct.pack(">I", adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", bytes(blocks)), (b"IEND", b""))
    return START[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))
        for kind, data in chunks
    )


def plain_mode(data: bytes) -> str | None:
    """The mode of an image whose header is that of a plain PNG file; None if it is not."""
    plain = data.startswith(START) and data[HEADER_END + 4 : HEADER_END + 8] == b"IDAT"
    return MODES.get(data[24:29]) if plain and crc32(data[12:29]) == _number(data, 29) else None


def _compressed(data: bytes) -> bytes:
    """The content of the IDAT chunks; nothing if what follows them is not just the end."""
    parts, at = [], HEADER_END
    while data[at + 4 : at + 8] == b"IDAT":
        end = at + 8 + _number(data, at)
        parts.append(data[at + 8 : end])
        at = end + 4  # beyond the check sum, which Pillow does not look at: zlib has its own
    return b"".join(parts) if data[at:] == END else b""


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
