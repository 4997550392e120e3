"""PNG files that hold nothing but gray or RGB pixels, decoded without a look for anything else."""

from __future__ import annotations

from zlib import crc32

from PIL import Image

HEADER_END = 33
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
