"""The short way to the pixels of a plain PNG file leads to what Pillow's own long way leads to."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ridge_spark.importing.image_files import MOST_PIXELS_IN_FILE
from ridge_spark.importing.plain_png import decode_plain_png
from tests.importing.pictures import corner, encode, noise


def plain(data: bytes) -> np.ndarray | None:
    image = decode_plain_png(data, MOST_PIXELS_IN_FILE)
    return None if image is None else np.asarray(image)


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def in_chunks_of(size: int, data: bytes) -> bytes:
    """The same picture, its pixels cut into IDAT chunks of that size, as other programs do."""
    pixels = data[41 : 41 + int.from_bytes(data[33:37], "big")]
    parts = [chunk(b"IDAT", pixels[i : i + size]) for i in range(0, len(pixels), size)]
    return data[:33] + b"".join(parts) + chunk(b"IEND", b"")


@pytest.mark.parametrize("image", [noise(9, 7), noise(9, 7, 3), corner(40, 60), noise(1, 1)])
def test_plain_files_go_the_short_way(image):
    data = encode(image)
    for form in (data, in_chunks_of(5, data), encode(image, optimize=True)):
        assert (plain(form) == image).all()
        assert (by_pillow(form) == image).all()


@pytest.mark.parametrize(
    "data",
    [b"", encode(noise(9, 7, 4)), encode(noise(9, 7).astype(np.uint16)), encode(noise(9, 7), "BMP"),
     encode(Image.fromarray(noise(9, 7)).convert("P")), encode(Image.new("1", (8, 8))),
     encode(noise(9, 7), transparency=9), encode(noise(9, 7), dpi=(72, 72)),
     encode(noise(9, 7), exif=Image.Exif()) + b"more", encode(noise(64, 64))[:900],
     b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 0, 0, 0, 0))
     + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")],
)  # fmt: skip
def test_all_others_are_left_to_pillow(data):
    assert plain(data) is None


def test_what_is_too_large_is_not_decoded():
    assert decode_plain_png(encode(noise(9, 7)), 9 * 7) is not None
    assert decode_plain_png(encode(noise(9, 7)), 9 * 7 - 1) is None


@settings(max_examples=500)
@given(st.sampled_from([noise(9, 7), noise(9, 7, 3), corner(40, 60)]), st.data())
def test_of_a_damaged_file_no_other_picture_is_made(image, data):
    file = bytearray(in_chunks_of(50, encode(image)))
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    found = plain(bytes(file))
    if found is not None:
        assert (found == by_pillow(bytes(file))).all()
