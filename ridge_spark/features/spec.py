"""What features are wanted, from text: `pixels`, `patches`, `wide`, `units`, and parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ridge_spark.errors import InputError
from ridge_spark.ridge.kernel.patches import PatchGeometry

MOST_SPECS = 16
MOST_FEATURES = 2**17  # of one spec; beyond, X'X alone would take 128 GiB
MOST_SIDE_WITH_MOMENTS = 128  # beyond, products of moments could leave 64 bits
PLACES = 2500  # of patches in an image, about as many as are worth their time
SHORT_SIDE = 56  # pixels that the shorter side of a large image is averaged down to, at least
WINDOW = 7
CELLS_ACROSS = 4  # the shorter side
AUTO = -1


@dataclass(frozen=True)
class FeatureSpec:
    """Features as they are asked for; a part that is 0 is left out.

    name      what the spec is called in tables
    moments   1: images are first made upright and of one size by their second moments; AUTO: if
              a trial on the sample says that it helps
    filters   how many filters patches have; a multiple of 16
    units     how many random units; a multiple of 16
    window    pixels of a patch, down and across; 0: as the image's size suggests
    stride    pixels from one patch to the next; 0: as the image's size suggests
    grid      cells along the image's shorter side, over which responses are summed
    """

    name: str
    moments: int = 0
    filters: int = 0
    units: int = 0
    window: int = 0
    stride: int = 0
    grid: int = CELLS_ACROSS
    text: str = ""

    @property
    def is_pixels(self) -> bool:
        return not (self.moments or self.filters or self.units)

    def geometry(self, shape: tuple[int, int, int]) -> PatchGeometry:
        """The patches and cells for images of `shape`; `InputError` if they are too small."""
        height, width, _ = shape
        short = min(height, width)
        window = self.window or next((w for w in (WINDOW, 5, 3) if short >= 2 * w), 3)
        if window > short:
            raise InputError(
                f"--features {self.text}: images of {height}x{width} pixels are too small for "
                f"patches of {window}x{window}; choose units or pixels"
            )
        stride = self.stride or self._stride(height - window + 1, width - window + 1)
        places = PatchGeometry(shape, window, stride, (1, 1)).places
        fewest = min(places)
        grid = (
            min(round(self.grid * max(1.0, places[0] / fewest)), 2 * self.grid, places[0]),
            min(round(self.grid * max(1.0, places[1] / fewest)), 2 * self.grid, places[1]),
        )
        return PatchGeometry(shape, window, stride, grid)

    def outputs(self, shape: tuple[int, int, int]) -> int:
        """Numbers in the features of an image of `shape`."""
        times = self.shrink(shape)
        small = shape[0] // times, shape[1] // times, shape[2]
        first = 2 * self.filters * self.geometry(small).cells if self.filters else math.prod(small)
        return first + self.units

    def shrink(self, shape: tuple[int, int, int]) -> int:
        """By how much images of `shape` are averaged down first: n x n pixels become one."""
        return max(1, min(shape[:2]) // SHORT_SIDE) if self.filters else 1

    @staticmethod
    def _stride(down: int, along: int) -> int:
        stride = 1
        while math.ceil(down / stride) * math.ceil(along / stride) > PLACES:
            stride += 1
        return stride


# `patches` is the best half a minute of two cores buys for 60,000 images of 28 x 28, `wide` of two.
PIXELS = FeatureSpec("pixels", text="pixels")
PRESETS = {
    "pixels": PIXELS,
    "patches": FeatureSpec("patches", moments=AUTO, filters=128, units=4096),
    "wide": FeatureSpec("wide", moments=AUTO, filters=256, units=8192),
    "units": FeatureSpec("units", units=4096),
}
RANGES = {
    "moments": (0, 1, 1),
    "filters": (0, 4096, 16),
    "units": (0, 65536, 16),
    "window": (1, 31, 1),
    "stride": (1, 64, 1),
    "grid": (1, 16, 1),
}
PATCHES_ONLY = ("filters", "window", "stride", "grid")


def parse_specs(text: str) -> tuple[FeatureSpec, ...]:
    """`pixels,patches:filters=256,units=4096` as two specs; `InputError` says what is no good.

    A part NAME=VALUE after a comma belongs to the spec before it.
    """
    parts: list[list[str]] = []
    for part in text.split(","):
        name, colon, first = part.strip().partition(":")
        if "=" in name and not colon and parts and len(parts[-1]) > 1:
            parts[-1].append(name)
        else:
            parts.append([name, *([first] if colon else [])])
    if len(parts) > MOST_SPECS:
        raise InputError(f"--features {text}: {len(parts)} specs; at most {MOST_SPECS} at a time")
    specs = tuple(_spec(name, values, text) for name, *values in parts)
    for i, spec in enumerate(specs):
        if spec in specs[:i]:
            raise InputError(f"--features {text}: {spec.text} stands there twice; name it once")
    return specs


def _spec(name: str, values: list[str], whole: str) -> FeatureSpec:
    if name not in PRESETS:
        raise InputError(
            f"--features {whole}: {name!r} is not one of {', '.join(PRESETS)}; "
            "parameters follow a colon: patches:filters=256,units=4096"
        )
    changes: dict[str, Any] = {}
    for value in values:
        key, _, number = value.strip().partition("=")
        allowed = [key for key in RANGES if name != "pixels" and not (
            name == "units" and key in PATCHES_ONLY)]  # fmt: skip
        if key not in allowed:
            known = f"its parameters are {', '.join(allowed)}" if allowed else "it has none"
            raise InputError(f"--features {whole}: {name} has no parameter {key!r}; {known}")
        if key in changes:
            raise InputError(f"--features {whole}: {key} stands there twice; give it once")
        if (key, number) == ("moments", "auto"):
            changes[key] = AUTO
            continue
        low, high, multiple = RANGES[key]
        if not (number.isascii() and number.isdigit()) or not low <= int(number) <= high:
            or_auto = ", or auto" if key == "moments" else ""
            raise InputError(f"--features {whole}: {key} must be from {low} to {high:,}{or_auto}")
        if int(number) % multiple:
            raise InputError(f"--features {whole}: {key} must be a multiple of {multiple}")
        changes[key] = int(number)
    told = (f"{key}={'auto' if v == AUTO else v}" for key, v in changes.items())
    text = name + (":" + ",".join(told) if changes else "")
    spec = replace(PRESETS[name], **changes, text=text)
    if name != "pixels" and not (spec.filters or spec.units):
        raise InputError(
            f"--features {whole}: neither filters nor units are left of it; ask for some of one"
        )
    return spec
