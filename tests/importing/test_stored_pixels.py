"""Pixels as formats can store them come out as what they mean, or are refused in a line.

The files are put together by hand, so that what they hold is known without any decoder.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from ridge_spark.importing.eight_bits import ALL_TRANSPARENT, DARK, DEEP, TRANSPARENT
from ridge_spark.importing.image_files import TURNED, BadImageError, decode, is_gray, quiet_pillow
from tests.importing.pictures import encode, noise
from tests.importing.stored import bmp, packed, png, tiff
from tests.support import assert_refused

H, W = 6, 16
GRAY, COLOURS = noise(H, W), noise(H, W, 3)
OPAQUE = np.full((H, W), 255)
DEFLATE = 8
RGB, CMYK, YCBCR = 2, 5, 6


def read(data: bytes, background: str = "white") -> tuple[np.ndarray, list[str]]:
    with quiet_pillow():
        image, notes = decode(data, background)
    return np.asarray(image).astype(int), notes


def of_bits(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of that many bits, and the same in 8."""
    values = np.random.default_rng(1).integers(0, 2**bits, (H, W))
    values[0, :2] = 0, 2**bits - 1
    return values, np.rint(values * (255 / (2**bits - 1))).astype(int)


@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_gray_tiff_of_any_depth(bits, order, white_is_zero, compression):
    if (bits == 12 and (white_is_zero or order == ">")) or (
        bits == 16 and white_is_zero and order == ">"
    ):
        return  # refused, see below
    values, expected = of_bits(bits)
    stored = 2**bits - 1 - values if white_is_zero else values
    data = packed(stored, bits, order)
    if compression == DEFLATE:
        data = zlib.compress(data)
    file = tiff(H, W, data, (bits,), 0 if white_is_zero else 1, {259: [compression]}, order)
    found, notes = read(file)
    assert found.tolist() == expected.tolist()
    assert notes == ([DEEP] if bits > 8 else [])
    assert is_gray(file)


@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_tiff(bits, planes, compression):
    values = COLOURS.astype(int) * (257 if bits == 16 else 1)
    parts = [values] if planes == 1 else [values[..., i] for i in range(3)]
    strips = [packed(part, bits) for part in parts]
    strips = [zlib.compress(strip) for strip in strips] if compression == DEFLATE else strips
    starts = np.cumsum([8, *map(len, strips)]).tolist()
    tags = {284: [planes], 259: [compression], 273: starts[:-1], 279: list(map(len, strips))}
    file = tiff(H, W, b"".join(strips), (bits,) * 3, RGB, tags)
    if (bits, planes) == (16, 2):
        with pytest.raises(BadImageError, match="in planes of their own"):
            read(file)
        return
    found, notes = read(file)
    assert (found == COLOURS).all()
    assert notes == ([DEEP] if bits == 16 else [])


@pytest.mark.parametrize("background", ["white", "black"])
@pytest.mark.parametrize(
    ("extra", "bits"), [(1, 8), (2, 8), (0, 8), (None, 8), (1, 16), (2, 16), (0, 16)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_of_tiff(channels, extra, bits, background):
    if channels == 1 and (bits == 16 or extra is None):
        return  # refused, see below
    colour = COLOURS.astype(float) if channels == 3 else GRAY[..., None].astype(float)
    alpha = np.linspace(0, 255, W).round()[None, :, None] * np.ones((H, 1, 1))
    stored = np.rint(colour * alpha / 255) if extra == 1 else colour
    if bits == 16:
        stored, alpha = stored * 257, alpha * 257
    data = packed(np.concatenate([stored, alpha], 2).astype(int), bits)
    tags = {} if extra is None else {338: [extra]}
    photometric = RGB if channels == 3 else 1
    found, notes = read(tiff(H, W, data, (bits,) * (channels + 1), photometric, tags), background)
    weight = np.ones_like(alpha) if extra == 0 else alpha / alpha.max()
    shown = colour * weight + (255 if background == "white" else 0) * (1 - weight)
    assert np.abs(found.reshape(shown.shape) - shown).max() <= 1.5
    assert (TRANSPARENT in notes) == (extra != 0)


@pytest.mark.parametrize("extra", [1, 2])
def test_alpha_of_tiff_in_a_plane_of_its_own(extra):
    alpha = np.where(GRAY > 99, 255, 0)
    planes = [packed(COLOURS[..., i], 8) for i in range(3)] + [packed(alpha, 8)]
    starts = [8 + i * H * W for i in range(4)]
    tags = {284: [2], 273: starts, 279: [H * W] * 4, 338: [extra]}
    file = tiff(H, W, b"".join(planes), (8,) * 4, RGB, tags)
    if extra == 1:
        with pytest.raises(BadImageError, match="multiplied by alpha"):
            read(file)
        return
    assert (read(file)[0] == np.where(alpha[..., None] > 0, COLOURS, 255)).all()


def test_alpha_that_is_opaque_is_not_talked_of():
    data = packed(np.dstack([GRAY, OPAQUE]), 8)
    found, notes = read(tiff(H, W, data, (8, 8), 1, {338: [1]}))
    assert (found == GRAY).all()
    assert notes == []


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_tiff_whose_colours_have_16_bits_or_8(bits):
    indices, _ = of_bits(bits)
    colours = noise(2**bits, 3).astype(int)
    for factor in (257, 256, 1):
        tags = {320: (colours.T.reshape(-1) * factor).tolist()}
        found, _ = read(tiff(H, W, packed(indices, bits), (bits,), 3, tags))
        assert (found == colours[indices]).all()


def test_a_palette_with_alpha():
    indices, _ = of_bits(8)
    colours = noise(256, 3).astype(int)
    alpha = np.where(GRAY > 99, 255, 0)
    data = packed(np.dstack([indices, alpha]), 8)
    tags = {320: (colours.T.reshape(-1) * 257).tolist()}
    found, _ = read(tiff(H, W, data, (8, 8), 3, {**tags, 338: [2]}))
    assert (found == np.where(alpha[..., None] > 0, colours[indices], 255)).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_cmyk_tiff(bits):
    inks = noise(H, W, 4).astype(int)
    inks[..., 3] //= 4
    found, _ = read(tiff(H, W, packed(inks * (257 if bits == 16 else 1), bits), (bits,) * 4, CMYK))
    light = (255 - inks[..., :3]) * (255 - inks[..., 3:]) / 255
    assert np.abs(found - light).max() <= 1


def test_ycbcr_tiff():
    y, cb, cr = (noise(H, W, seed=s).astype(float) for s in (1, 2, 3))
    y, cb, cr = 60 + y / 2, 110 + cb / 8, 110 + cr / 8
    data = packed(np.dstack([y, cb, cr]).astype(int), 8)
    whole = read(tiff(H, W, data, (8,) * 3, YCBCR, {530: [1, 1]}))[0]
    y, cb, cr = (part.astype(int) for part in (y, cb, cr))
    expected = np.dstack([
        y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
        y + 1.772 * (cb - 128),
    ])  # fmt: skip
    assert np.abs(whole - expected).max() <= 1.5
    with pytest.raises(BadImageError, match="fewer Cb and Cr"):
        read(tiff(H, W, data, (8,) * 3, YCBCR))  # 2 by 2 of them share one, unless it is said


REFUSED = {
    "int32": (tiff(H, W, packed(GRAY.astype(int), 32), (32,), 1), "integers of 32 bits"),
    "signed 32": (tiff(H, W, packed(GRAY.astype(int), 32), (32,), 1, {339: [2]}), "32 bits"),
    "white 32": (tiff(H, W, packed(GRAY.astype(int), 32), (32,), 0), "not read"),
    "64 bits": (tiff(H, W, packed(GRAY.astype(int), 64), (64,), 1), "not read"),
    "signed 8": (tiff(H, W, packed(GRAY.astype(int), 8), (8,), 1, {339: [2]}), "signed"),
    "signed 16": (tiff(H, W, packed(GRAY.astype(int), 16), (16,), 1, {339: [2]}), "signed"),
    "float": (tiff(H, W, GRAY.astype("<f4").tobytes(), (32,), 1, {339: [3]}), "floating-point"),
    "white float": (tiff(H, W, GRAY.astype("<f4").tobytes(), (32,), 0, {339: [3]}), "floating"),
    "half": (tiff(H, W, GRAY.astype("<f2").tobytes(), (16,), 1, {339: [3]}), "not read"),
    "double": (tiff(H, W, GRAY.astype("<f8").tobytes(), (64,), 1, {339: [3]}), "not read"),
    "no photometric": (tiff(H, W, packed(GRAY, 8), (8,), None), "whether 0 is black or white"),
    "lab": (tiff(H, W, packed(COLOURS, 8), (8,) * 3, 8), "CIELab"),
    "inks": (tiff(H, W, packed(noise(H, W, 4), 8), (8,) * 4, CMYK, {332: [2]}), "inks other"),
    "white 12": (tiff(H, W, packed(of_bits(12)[0], 12), (12,), 0), "not read"),
    "big white 16": (tiff(H, W, bytes(2 * H * W), (16,), 0, order=">"), "not read"),
    "big 12": (tiff(H, W, packed(of_bits(12)[0], 12), (12,), 1, order=">"), "not read"),
    "10 bits": (tiff(H, W, packed(of_bits(10)[0], 10), (10,), 1), "not read"),
    "gray alpha 16": (tiff(H, W, bytes(H * W * 4), (16, 16), 1, {338: [2]}), "not read"),
    "8 in 16": (tiff(H, W, packed(GRAY.astype(int), 16), (16,), 1), "upper 8 are 0"),
    "8 in 16, png": (png(H, W, packed(GRAY.astype(int), 16, ">"), 16, 0), "upper 8 are 0"),
    "8 in 16, colour": (png(H, W, packed(COLOURS.astype(int), 16, ">"), 16, 2), "upper 8 are 0"),
    "8 in 16, alpha": (png(H, W, packed(np.dstack([GRAY, OPAQUE * 257]), 16, ">"), 16, 4),
                       "upper 8 are 0"),
    "8 in 16, tiff": (tiff(H, W, packed(COLOURS.astype(int), 16), (16,) * 3, RGB), "upper 8 are 0"),
    "8 in 16, inks": (tiff(H, W, packed(noise(H, W, 4), 16), (16,) * 4, CMYK), "upper 8 are 0"),
    "key of 16 bits": (png(H, W, packed(COLOURS.astype(int) * 257, 16, ">"), 16, 2,
                           {b"tRNS": bytes(6)}), "transparent"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_known_is_refused(kind):
    data, reason = REFUSED[kind]
    with pytest.raises(BadImageError, match=reason):
        read(data)


@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_gray_png_of_any_depth_with_a_transparent_value(bits, key):
    values, expected = of_bits(bits)
    chunks = {b"tRNS": int(values[3, 3]).to_bytes(2, "big")} if key else {}
    file = png(H, W, packed(values, bits, ">"), bits, 0, chunks)
    if key:
        expected = np.where(values == values[3, 3], 255, expected)
    assert read(file)[0].tolist() == expected.tolist()
    assert is_gray(file)


def test_a_transparent_value_in_a_photograph_to_turn():
    values, expected = of_bits(2)
    exif = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 3, 0, 0)
    chunks = {b"tRNS": b"\0\2", b"eXIf": exif}
    found, notes = read(png(H, W, packed(values, 2), 2, 0, chunks), "black")
    assert (found == np.rot90(np.where(values == 2, 0, expected), 2)).all()
    assert notes == [TRANSPARENT, TURNED]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colour", [2, 4, 6])
def test_png_of_8_and_16_bits_with_and_without_alpha(colour, bits):
    channels = {2: 3, 4: 2, 6: 4}[colour]
    values = noise(H, W, channels).astype(int)
    file = png(H, W, packed(values * (257 if bits == 16 else 1), bits, ">"), bits, colour)
    found, notes = read(file, "black")
    shown = values if colour == 2 else values[..., :-1] * values[..., -1:] / 255
    assert np.abs(found.reshape(H, W, -1) - shown).max() <= 1
    assert (DEEP in notes) == (bits == 16)
    assert is_gray(file) == (colour == 4)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_png_with_alpha(bits):
    indices, _ = of_bits(bits)
    colours = noise(2**bits, 3)
    alpha = np.where(np.arange(2**bits) % 3, 255, 0).astype(np.uint8)
    chunks = {b"PLTE": colours.tobytes(), b"tRNS": alpha.tobytes()}
    found, _ = read(png(H, W, packed(indices, bits), bits, 3, chunks))
    shown = np.where(alpha[indices][..., None] > 0, colours[indices], 255)
    assert (found == shown).all()


def test_alpha_of_bmp_is_alpha_unless_it_is_0_all_over():
    alpha = noise(H, W, seed=3)
    found, notes = read(bmp(COLOURS, alpha), "black")
    assert np.abs(found - COLOURS * (alpha[..., None] / 255)).max() <= 1
    assert notes == [TRANSPARENT]
    for nothing in (bmp(COLOURS, 0), bmp(COLOURS, 0, masks=False), bmp(COLOURS, 77, masks=False)):
        found, notes = read(nothing)
        assert (found == COLOURS).all()
        assert notes == []


def test_a_tiff_whose_fourth_channel_is_empty_and_is_not_called_alpha():
    data = packed(np.dstack([COLOURS, OPAQUE * 0]), 8)
    assert (read(tiff(H, W, data, (8,) * 4, RGB))[0] == COLOURS).all()
    found, notes = read(tiff(H, W, data, (8,) * 4, RGB, {338: [2]}))
    assert (found == 255).all()
    assert notes == [ALL_TRANSPARENT]


def test_a_picture_that_is_transparent_all_over_is_told_of():
    hidden = np.zeros((H, W, 4), np.uint8)
    for kind in ("PNG", "WEBP"):
        assert read(encode(hidden, kind))[1] == [ALL_TRANSPARENT]


def test_12_bits_in_16_are_dark_and_that_is_said():
    values = of_bits(12)[0]
    for file in (
        png(H, W, packed(values, 16, ">"), 16, 0),
        png(H, W, packed(np.dstack([values] * 3), 16, ">"), 16, 2),
        tiff(H, W, packed(values, 16), (16,), 1),
    ):
        found, notes = read(file)
        assert found.max() in (15, 16)
        assert notes == [DEEP, DARK]


def test_16_bits_of_nothing_are_black():
    assert (read(png(H, W, bytes(2 * H * W), 16, 0))[0] == 0).all()


def test_a_set_of_white_is_zero_trains_as_its_positive(ridge_spark, tmp_path):
    from tests.importing.pictures import read_all, write

    for number in range(12):
        wide = noise(H, W, seed=number).astype(int) * 257
        name = f"{'ab'[number % 2]}/{number}.tif"
        write(tmp_path / "positive" / name, tiff(H, W, packed(wide, 16), (16,), 1))
        write(tmp_path / "negative" / name, tiff(H, W, packed(65535 - wide, 16), (16,), 0))
    for name in ("positive", "negative"):
        done = ridge_spark("import", "folder", name, "--test-split", 0, "--out", f"{name}-out")
        assert done.returncode == 0, done.stderr
        assert "12 images with more than 8 bits a channel, brought to 8" in done.stdout
    ours, theirs = (read_all(tmp_path / f"{name}-out")[0] for name in ("positive", "negative"))
    assert (ours == theirs).all()
    write(tmp_path / "positive" / "a" / "x.tif", REFUSED["int32"][0])
    refused = ridge_spark("import", "folder", "positive", "--out", "o")
    assert_refused(refused, "a/x.tif", "32 bits", "--skip-bad")
