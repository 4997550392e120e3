"""Preparation: the aspect kept by padding or cropping, channels, the threshold, what is stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ridge_spark.errors import InputError
from ridge_spark.importing.preparation import Preparation, parse_size
from tests.importing.pictures import noise

sides = st.integers(1, 70)


def test_an_image_of_the_right_size_stays_as_it_is():
    assert (
        Preparation(5, 7, "gray").apply(Image.fromarray(noise(5, 7)))[:, :, 0] == noise(5, 7)
    ).all()
    assert (Preparation(5, 7).apply(Image.fromarray(noise(5, 7, 3))) == noise(5, 7, 3)).all()


def test_padding_keeps_all_of_the_image_and_repeats_its_edges():
    wide = np.repeat(np.array([[10, 20, 30, 40]], np.uint8), 2, axis=0)
    found = Preparation(4, 4, "gray", "pad").apply(Image.fromarray(wide))[:, :, 0]
    assert found.tolist() == [[10, 20, 30, 40]] * 4
    tall = np.vstack([np.zeros((4, 2), np.uint8), np.full((4, 2), 255, np.uint8)])
    found = Preparation(8, 6, "gray", "pad").apply(Image.fromarray(tall))[:, :, 0]
    assert (found[:4] == 0).all()
    assert (found[4:] == 255).all()


def test_cropping_keeps_the_centre():
    wide = np.tile(np.arange(10, dtype=np.uint8) * 20, (4, 1))
    found = Preparation(4, 4, "gray", "crop").apply(Image.fromarray(wide))[:, :, 0]
    assert found.tolist() == [[60, 80, 100, 120]] * 4


def test_shrinking_averages_areas():
    fine = np.kron(np.array([[0, 200], [100, 40]]), np.ones((3, 3))).astype(np.uint8)
    found = Preparation(2, 2, "gray").apply(Image.fromarray(fine))[:, :, 0]
    assert found.tolist() == [[0, 200], [100, 40]]
    checks = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert set(Preparation(2, 2, "gray").apply(Image.fromarray(checks)).ravel()) <= {127, 128}


@settings(max_examples=200)
@given(sides, sides, sides, sides, st.sampled_from(["pad", "crop"]))
def test_any_size_becomes_any_other(height, width, to_height, to_width, fit):
    preparation = Preparation(to_height, to_width, "gray", fit)
    flat = Image.fromarray(np.full((height, width), 77, np.uint8))
    found = preparation.apply(flat)
    assert found.shape == preparation.shape
    assert (found == 77).all()
    inner_width, inner_height = preparation.contained(width, height)
    assert (inner_width == to_width) or (inner_height == to_height)
    assert inner_width <= to_width
    assert inner_height <= to_height
    left, top, kept_width, kept_height = preparation.centre(width, height)
    assert 0 <= left <= left + kept_width <= width
    assert 0 <= top <= top + kept_height <= height


def test_gray_is_the_luma_and_a_channel_is_that_channel():
    image = Image.fromarray(noise(9, 9, 3))
    red, green, blue = (noise(9, 9, 3)[:, :, i].astype(int) for i in range(3))
    luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    assert (Preparation(9, 9, "gray").apply(image)[:, :, 0] == luma).all()
    assert (Preparation(9, 9, "green").apply(image)[:, :, 0] == green).all()
    gray = Image.fromarray(noise(9, 9))
    assert (Preparation(9, 9, "blue").apply(gray)[:, :, 0] == noise(9, 9)).all()
    assert Preparation(9, 9).apply(gray).shape == (9, 9, 3)


@pytest.mark.parametrize(("threshold", "first_white"), [(0.5, 128), (0.2, 51), (0.999, 255)])
def test_white_starts_at_the_threshold(threshold, first_white):
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    found = Preparation(1, 256, "gray", threshold=threshold).apply(ramp)[0, :, 0]
    assert set(found.tolist()) == {0, 255}
    assert np.argmax(found) == first_white


def test_what_is_stored_prepares_alike():
    preparation = Preparation(4, 6, "red", "crop", "black", 0.25)
    assert Preparation.stored(preparation.shape, preparation.to_dict()) == preparation
    assert Preparation.stored((28, 28, 1), {}).channel == "gray"
    assert Preparation.stored((28, 28, 3), {}).channel == "rgb"


@pytest.mark.parametrize(
    "stored",
    [{"channel": "infrared"}, {"fit": "squash"}, {"threshold": 7}, {"unheard": "of"},
     {"background": "javascript"}],
)  # fmt: skip
def test_a_preparation_from_elsewhere_is_refused(stored):
    with pytest.raises(InputError, match="preparation"):
        Preparation.stored((4, 4, 1), stored)


def test_images_of_four_channels_have_no_preparation():
    with pytest.raises(InputError, match="4 channels"):
        Preparation.stored((4, 4, 4), {})


@pytest.mark.parametrize("text", ["40", "40x", "x60", "0x60", "40x60x3", "-4x6", "4.5x6", "axb"])
def test_a_size_is_height_x_width(text):
    assert parse_size("40x60") == (40, 60)
    with pytest.raises(InputError, match="--size"):
        parse_size(text)
