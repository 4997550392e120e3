"""Image files put together byte by byte, without Pillow: what is stored in them is known."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORT, LONG = 3, 4


def packed(values: NDArray[np.integer], bits: int, order: str = "<") -> bytes:
    """Rows of `values`, (height, ...), of that many bits each; a row fills whole bytes."""
    if bits % 8 == 0:
        return np.ascontiguousarray(values).astype(f"{order}u{bits // 8}").tobytes()
    rows = values.reshape(len(values), -1, 1)
    digits = (rows >> np.arange(bits)[::-1]) & 1
    return np.packbits(digits.reshape(len(values), -1), axis=1).tobytes()


def tiff(
    height: int,
    width: int,
    data: bytes,
    bits: tuple[int, ...],
    photometric: int | None,
    tags: Mapping[int, Iterable[int]] = {},
    order: str = "<",
) -> bytes:
    """A TIFF file of one strip; `tags` are SHORTs that are added, or put in place of others."""
    about: dict[int, Any] = {
        256: [width], 257: [height], 258: bits, 259: [1], 262: [photometric or 0], 273: [8],
        277: [len(bits)], 278: [height], 279: [len(data)],
    }  # fmt: skip
    if photometric is None:
        del about[262]
    about.update(tags)
    extra_at = 8 + len(data) + 2 + 12 * len(about) + 4
    entries, extra = b"", b""
    for tag, values in sorted(about.items()):
        values = list(values)  # noqa: PLW2901
        kind = LONG if tag in (273, 279) else SHORT
        value = struct.pack(f"{order}{len(values)}{'HI'[kind == LONG]}", *values)
        if len(value) > 4:
            value, extra = struct.pack(f"{order}I", extra_at + len(extra)), extra + value
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    directory = struct.pack(f"{order}H", len(about)) + entries + bytes(4)
    return start + data + directory + extra


def png(
    height: int,
    width: int,
    rows: bytes,
    depth: int,
    colour: int,
    chunks: Mapping[bytes, bytes] = {},
) -> bytes:
    """A PNG file of unfiltered rows, with other chunks before its pixels."""
    stride = len(rows) // height
    lines = b"".join(b"\0" + rows[i : i + stride] for i in range(0, len(rows), stride))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks.items(), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def bmp(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | int, masks: bool = True) -> bytes:
    """A BMP file of 32 bits a pixel, version 5, of `pixels` (height, width, 3)."""
    height, width = pixels.shape[:2]
    stored = np.empty((height, width, 4), np.uint8)
    stored[..., :3], stored[..., 3] = (
        pixels[::-1, :, ::-1],
        np.asarray(alpha)[..., ::-1, :] if (np.ndim(alpha)) else alpha,
    )
    header = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3 if masks else 0,
                         stored.size, 2835, 2835, 0, 0)  # fmt: skip
    if masks:
        header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = header.ljust(124, b"\0")
    return b"BM" + struct.pack("<IHHI", 138 + stored.size, 0, 0, 138) + header + stored.tobytes()
