"""What `--features` takes, what it makes of an image's size, and what it refuses."""

from __future__ import annotations

import pytest

from ridge_spark.errors import InputError
from ridge_spark.features import parse_specs


def test_names_and_parameters() -> None:
    pixels, patches, units = parse_specs("pixels, patches:filters=256,units=1024,units")
    assert pixels.is_pixels
    assert (patches.filters, patches.units, patches.text) == (
        256, 1024, "patches:filters=256,units=1024",
    )  # fmt: skip
    assert (units.filters, units.text) == (0, "units")
    assert units.units > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not one of pixels, patches, wide, units"),
        ("patch", "'patch' is not one of"),
        ("pixels,pixels", "pixels stands there twice"),
        ("patches:moments=2", "moments must be from 0 to 1, or auto"),
        ("patches:filters=17", "filters must be a multiple of 16"),
        ("patches:filters=-16", "filters must be from 0 to 4,096"),
        ("patches:filters=1e3", "filters must be from 0 to 4,096"),
        ("patches:filters=٣", "filters must be from 0 to 4,096"),
        ("patches:filters", "filters must be from 0 to 4,096"),
        ("patches:depth=2", "patches has no parameter 'depth'"),
        ("patches:units=16,units=32", "units stands there twice"),
        ("patches:units=0,filters=0", "neither filters nor units are left"),
        ("pixels:units=16", "pixels has no parameter 'units'"),
        ("units:filters=16", "units has no parameter 'filters'"),
        ("units=16", "'units=16' is not one of"),
        (",".join(f"units:units={16 * i}" for i in range(1, 18)), "at most 16"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"^--features ") as caught:
        parse_specs(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "shrink", "window", "grid"),
    [
        ((28, 28, 1), 1, 7, (4, 4)),
        ((40, 60, 1), 1, 7, (4, 6)),
        ((32, 32, 3), 1, 7, (4, 4)),
        ((64, 64, 3), 1, 7, (4, 4)),
        ((224, 224, 3), 4, 7, (4, 4)),
        ((12, 40, 1), 1, 5, (4, 8)),
        ((6, 5, 1), 1, 3, (4, 3)),
        ((3, 3, 1), 1, 3, (1, 1)),
    ],
)
def test_patches_follow_from_the_shape(
    shape: tuple[int, int, int], shrink: int, window: int, grid: tuple[int, int]
) -> None:
    (spec,) = parse_specs("patches")
    by = spec.shrink(shape)
    assert by == shrink
    geometry = spec.geometry((shape[0] // by, shape[1] // by, shape[2]))
    assert (geometry.window, geometry.grid) == (window, grid)
    places = geometry.places
    assert places[0] * places[1] <= 2500
    assert sorted(p for cell in geometry.cell_places for p in cell) == list(
        range(places[0] * places[1])
    )


def test_too_small_an_image_for_patches() -> None:
    (spec,) = parse_specs("patches")
    with pytest.raises(InputError, match=r"2x9 pixels are too small .* choose units or pixels"):
        spec.geometry((2, 9, 1))
