"""EXIF as cameras and editors write it: the orientation is obeyed, whatever else is in there."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from ridge_spark.importing.image_files import TURNED, decode, quiet_pillow
from tests.importing.pictures import corner, encode, write
from tests.importing.stored import tiff

ORIENTATION = 0x0112
# ImageDescription, Make, StripOffsets, XResolution, PlanarConfiguration, ResolutionUnit, Software,
# DateTime, Predictor, ColorMap, SubIFDs, YCbCrPositioning, XMP, Rating, Copyright, Exif, ICC, GPS,
# ExposureTime, FNumber, ISO, MakerNote, UserComment, Interoperability, an unknown one.
TAGS = (0x10E, 0x10F, 0x111, 0x11A, 0x11C, 0x128, 0x131, 0x132, 0x13D, 0x140, 0x14A, 0x213, 0x2BC,
        0x4746, 0x8298, 0x8769, 0x8773, 0x8825, 0x829A, 0x829D, 0x8827, 0x927C, 0x9286, 0xA005,
        0xFEED)  # fmt: skip
TYPES = tuple(range(14))  # 1 to 12 are those of TIFF 6.0, 13 is IFD
SIZES = (1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block of (tag, type, count, value), values of over 4 bytes behind the others."""
    at, directory, extra = 8 + 2 + 12 * len(entries) + 4, b"", b""
    for tag, kind, count, value in sorted(entries):
        if len(value) > 4:
            value, extra = struct.pack("<I", at + len(extra)), extra + value  # noqa: PLW2901
        directory += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + extra


def jpeg_with(block: bytes) -> bytes:
    jpeg = encode(corner(16, 24), "JPEG")
    segment = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def turned(value: int = 6) -> tuple[int, int, int, bytes]:
    return ORIENTATION, 3, 1, struct.pack("<HH", value, 0)


def upright(data: bytes) -> np.ndarray:
    with quiet_pillow():
        image, notes = decode(data, "white")
    assert notes == [TURNED]
    return np.asarray(image.convert("L")) > 127


EXPECTED = np.rot90(corner(16, 24), -1) > 127


@pytest.mark.parametrize("kind", TYPES)
def test_any_other_tag_of_any_type_and_length_beside_the_orientation(kind):
    for tag in TAGS:
        for count in (0, 1, 3, 2000):
            value = (b"\x02\x00\x00\x00\x07\x00\x00\x00" * 3)[: SIZES[kind] * min(count, 3)]
            block = exif(turned(), (tag, kind, count, value))
            assert (upright(jpeg_with(block)) == EXPECTED).all(), (hex(tag), kind, count)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "MPO"])
def test_other_formats_and_odd_tags(form):
    picture = Image.fromarray(corner(16, 24)).convert("RGB")
    for tag, kind in ((0x128, 5), (0x128, 2), (0x10F, 12), (0x8769, 2), (0x11A, 3)):
        block = b"Exif\0\0" + exif(turned(), (tag, kind, 1, bytes(range(8))))
        options = {"lossless": True} if form == "WEBP" else {}
        data = encode(picture, form, exif=block, **options)
        assert (upright(data) == EXPECTED).all(), (hex(tag), kind)


@pytest.mark.parametrize("tag", [0x128, 0x10F, 0x11A, 0x8769, 0x8825, 0x927C, 0xFEED])
def test_a_tiff_with_its_orientation_beside_odd_tags(tag):
    data = tiff(16, 24, corner(16, 24).tobytes(), (8,), 1, {ORIENTATION: [6], tag: [65000, 3, 9]})
    assert (upright(data) == EXPECTED).all()


@pytest.mark.parametrize(
    "entry",
    [(ORIENTATION, 4, 1, struct.pack("<I", 6)), turned()],
    ids=["long", "short"],
)
def test_the_orientation_itself_in_other_types(entry):
    assert (upright(jpeg_with(exif(entry))) == EXPECTED).all()


@pytest.mark.parametrize(
    "entry",
    [(ORIENTATION, 2, 2, b"6\0"), turned(0),
     (ORIENTATION, 7, 4, b"abcd"), turned(9), (ORIENTATION, 3, 0, b""),
     (ORIENTATION, 12, 1, struct.pack("<d", 6.5))],
)  # fmt: skip
def test_an_orientation_that_says_nothing_is_passed_over(entry):
    image, notes = decode(jpeg_with(exif(entry)), "white")
    assert ((np.asarray(image) > 127) == (corner(16, 24) > 127)).all()
    assert notes == []


def test_one_odd_photograph_does_not_stop_the_others(ridge_spark, tmp_path):
    for name in ("a", "b"):
        for number in range(4):
            write(tmp_path / "set" / name / f"{number}.jpg", encode(corner(16, 24), "JPEG"))
    odd = jpeg_with(exif(turned(), (0x128, 5, 1, bytes(8))))
    write(tmp_path / "set" / "a" / "odd.jpg", odd)
    done = ridge_spark("import", "folder", "set", "--size", "8x8", "--out", "o")
    assert done.returncode == 0, done.stderr
    assert "1 images turned upright" in done.stdout
