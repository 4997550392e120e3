"""Whatever Pillow can write comes out upright, flat and 8 bits deep; what is damaged is refused."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ridge_spark.importing import image_files
from ridge_spark.importing.image_files import (
    BadImageError,
    decode,
    is_gray,
    quiet_pillow,
    read_file,
)
from tests.importing.pictures import EXTENSIONS, corner, encode, noise


def pixels(data: bytes, background: str = "white") -> np.ndarray:
    with quiet_pillow():
        return np.asarray(decode(data, background).image)


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_every_format_gives_the_picture_that_was_saved(kind):
    found = pixels(encode(Image.fromarray(corner(16, 24)).convert("RGB"), kind))
    assert found.shape == (16, 24, 3)
    assert np.abs(found.astype(int) - corner(16, 24)[:, :, None]).max() <= 10  # JPEG and WebP lose


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", *image_files.AVIF])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(kind, orientation):
    upright = Image.fromarray(corner(16, 24)).convert("RGB")
    undo = {  # what a camera held that way has done to the picture
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = upright if undo is None else upright.transpose(undo)
    found = pixels(encode(held, kind, exif=exif))
    assert found.shape == (16, 24, 3)
    assert found[2, 3].min() > 240
    assert max(found[2, 20].max(), found[13, 3].max(), found[13, 20].max()) < 15


def test_a_damaged_exif_block_does_not_stop_the_picture():
    found = pixels(encode(Image.fromarray(corner(16, 24)), "JPEG", exif=b"Exif\0\0not exif at all"))
    assert found.shape == (16, 24)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("background", "expected"), [("white", 255), ("black", 0)])
def test_transparent_pixels_show_the_background_and_not_what_they_hide(kind, background, expected):
    hidden = np.zeros((6, 6, 4), np.uint8)
    hidden[:, :, 0] = 200  # red, but nobody sees it
    hidden[:3, :, 3] = 255
    found = pixels(
        encode(hidden, kind, **({"lossless": True} if kind == "WEBP" else {})), background
    )
    assert (found[3:] == expected).all()
    assert (found[:3] == (200, 0, 0)).all()


def test_half_transparent_is_half_of_each():
    half = np.zeros((4, 4, 2), np.uint8)
    half[:, :, 1] = 128
    assert (pixels(encode(Image.fromarray(half, "LA"))) == 127).all()


def test_transparency_of_a_palette_and_of_a_key_colour():
    colours = Image.new("P", (4, 4), 1)
    colours.putpalette([255, 0, 0, 0, 255, 0])
    colours.putpixel((0, 0), 0)
    assert pixels(encode(colours)).tolist()[0][:2] == [[255, 0, 0], [0, 255, 0]]
    seen = pixels(encode(colours, transparency=1))
    assert seen.tolist()[0][:2] == [[255, 0, 0], [255, 255, 255]]
    gray = Image.new("L", (4, 4), 9)
    assert (pixels(encode(gray, transparency=9), "black") == 0).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_to_8_and_not_cut_off(kind):
    deep = np.array([[0, 128, 129, 256, 32768, 65534, 65535]], np.uint16)
    assert pixels(encode(deep, kind)).tolist() == [[0, 0, 1, 1, 128, 255, 255]]


def test_16_bits_in_either_byte_order():
    deep = noise(5, 7).astype(np.uint16) * 257
    big = Image.frombytes("I;16B", (7, 5), deep.astype(">u2").tobytes())
    assert (pixels(encode(big, "TIFF")) == noise(5, 7)).all()
    assert (pixels(encode(deep, "TIFF")) == noise(5, 7)).all()


def test_32_bits_and_floats_are_refused_since_their_range_is_unknown():
    with pytest.raises(BadImageError, match="integers of 32 bits"):
        pixels(encode(np.array([[70_000]], np.int32), "TIFF"))
    with pytest.raises(BadImageError, match="floating-point"):
        pixels(encode(np.array([[0.5]], np.float32), "TIFF"))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("1", "TIFF"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "JPEG"),
     ("P", "GIF"), ("P", "BMP"), ("LA", "PNG"), ("RGBA", "WEBP")],
)  # fmt: skip
def test_other_modes_look_the_same(mode, kind):
    found = pixels(encode(Image.fromarray(corner(16, 24)).convert("RGB").convert(mode), kind))
    assert np.abs(found.reshape(16, 24, -1).astype(int) - corner(16, 24)[:, :, None]).max() <= 12


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_of_several_frames_the_first_is_taken_and_noted(kind):
    frames = [Image.fromarray(corner(16, 24)).convert("RGB"), Image.new("RGB", (24, 16), "white")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    image, notes = decode(data, "white")
    assert np.asarray(image.convert("L"))[12, 20] < 15
    assert image_files.FRAMES in notes


def test_gray_is_told_from_colour_by_the_header():
    assert is_gray(encode(noise(3, 3)))
    assert is_gray(encode(noise(3, 3).astype(np.uint16)))
    assert not is_gray(encode(noise(3, 3, 3)))


def test_a_decompression_bomb_is_refused_before_it_is_decoded():
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    for side in (11_000, 20_000, 2_000_000_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        bomb = (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(b""))
            + (chunk(b"IEND", b""))
        )
        with quiet_pillow(), pytest.raises(BadImageError, match="bomb"):
            decode(bomb, "white")


def test_a_bomb_of_text_in_a_png_is_refused_or_harmless():
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for number in range(80):
        info.add_text(f"key{number}", "a" * 2**20, zip=True)
    with pytest.raises(BadImageError):
        decode(encode(Image.new("L", (2, 2)), pnginfo=info), "white")


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_half_a_file_is_refused(kind):
    data = encode(noise(64, 64, 3), kind)
    with pytest.raises(BadImageError):
        pixels(data[: len(data) // 2])


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_image_is_refused(data):
    with pytest.raises(BadImageError):
        decode(data, "white")


def test_decoders_that_run_programs_are_never_used(tmp_path):
    """EPS would start Ghostscript: the format is not even tried."""
    with pytest.raises(BadImageError, match="not an image in one of the formats"):
        decode(encode(Image.new("RGB", (8, 8)), "EPS"), "white")


@settings(max_examples=300)
@given(st.sampled_from(sorted(EXTENSIONS)), st.data())
def test_damage_anywhere_is_an_image_or_a_clear_refusal(kind, data):
    file = bytearray(encode(noise(9, 7, 3), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadImageError):  # and nothing else, whatever the damage
        assert pixels(bytes(file)).dtype == np.uint8


def test_only_regular_files_of_bearable_size_are_read(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(BadImageError, match="not a file"):
        read_file(pipe)
    with pytest.raises(BadImageError, match="No such file"):
        read_file(tmp_path / "missing.png")
    with pytest.raises(BadImageError):
        read_file("null\0byte.png")
    big = tmp_path / "big.png"
    big.write_bytes(b"12345")
    monkeypatch.setattr(image_files, "MOST_FILE_BYTES", 4)
    with pytest.raises(BadImageError, match="larger than"):
        read_file(Path(big))


@pytest.mark.parametrize(("brand", "kind"), [(b"heic", "HEIC"), (b"mif1", "HEIC")])
def test_a_photograph_of_a_telephone_under_another_name(brand, kind):
    with pytest.raises(BadImageError, match=f"is {kind}, whatever its name, which is not read"):
        pixels(b"\0\0\0\x18ftyp" + brand + bytes(64))
