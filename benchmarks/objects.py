"""Draws colour photographs of eight kinds of things, as a data set: for features, not for pixels.

Of each thing, colours, place, size, angle and proportions differ, as do the light that falls on it
and what is behind it. An image depends on the seed and its own number alone.

    python -m benchmarks.objects --out data/objects --size 64x64 --images 12000
    ridge-spark train --data data/objects --features pixels,patches --out runs/objects
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset
from ridge_spark.importing.preparation import parse_size

FINE = 4  # drawn so many times as large, then averaged, so that edges are smooth
CHUNK = 250
TEST = 6  # of so many images, one is to test on

Points = list[tuple[float, float]]
Colours = list[tuple[int, int, int]]
Polygon = Callable[[Points, tuple[int, int, int]], None]


def ring(x: float, y: float, rx: float, ry: float, corners: int = 24, turn: float = 0) -> Points:
    angles = [turn + 2 * math.pi * i / corners for i in range(corners)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


# In a square from -1 to 1, y down; each draws with three colours of its own.
def cup(draw: Polygon, c: Colours) -> None:
    draw(ring(0.6, 0, 0.4, 0.45), c[0])
    draw(ring(0.6, 0, 0.2, 0.25), c[2])
    draw([(-0.7, -0.7), (0.6, -0.7), (0.45, 0.8), (-0.55, 0.8)], c[0])
    draw(ring(-0.05, -0.7, 0.65, 0.15), c[1])


def house(draw: Polygon, c: Colours) -> None:
    draw(box(-0.7, -0.1, 0.7, 0.9), c[0])
    draw([(-0.9, -0.1), (0, -0.9), (0.9, -0.1)], c[1])
    draw(box(-0.15, 0.35, 0.2, 0.9), c[2])


def tree(draw: Polygon, c: Colours) -> None:
    draw(box(-0.12, 0.2, 0.12, 0.95), c[1])
    for top, half in ((-0.95, 0.4), (-0.6, 0.55), (-0.2, 0.7)):
        draw([(0, top), (half, top + 0.65), (-half, top + 0.65)], c[0])


def fish(draw: Polygon, c: Colours) -> None:
    draw([(0.4, 0), (0.95, -0.45), (0.95, 0.45)], c[1])
    draw(ring(-0.15, 0, 0.75, 0.42), c[0])
    draw(ring(-0.55, -0.1, 0.1, 0.1), c[2])


def car(draw: Polygon, c: Colours) -> None:
    draw([(-0.5, -0.1), (-0.3, -0.5), (0.35, -0.5), (0.6, -0.1)], c[1])
    draw(box(-0.95, -0.1, 0.95, 0.35), c[0])
    for x in (-0.5, 0.5):
        draw(ring(x, 0.38, 0.24, 0.24), c[2])


def bottle(draw: Polygon, c: Colours) -> None:
    draw(box(-0.14, -0.95, 0.14, -0.3), c[1])
    draw([(-0.14, -0.4), (0.14, -0.4), (0.4, 0), (0.4, 0.95), (-0.4, 0.95), (-0.4, 0)], c[0])
    draw(box(-0.4, 0.2, 0.4, 0.6), c[2])


def star(draw: Polygon, c: Colours) -> None:
    outer, inner = ring(0, 0, 0.95, 0.95, 5, -math.pi / 2), ring(0, 0, 0.4, 0.4, 5, -math.pi * 0.3)
    draw([point for pair in zip(outer, inner, strict=True) for point in pair], c[0])


def flower(draw: Polygon, c: Colours) -> None:
    draw(box(-0.05, 0, 0.05, 0.95), c[1])
    for x, y in ring(0, -0.3, 0.4, 0.4, 6):
        draw(ring(x, y, 0.24, 0.24), c[0])
    draw(ring(0, -0.3, 0.22, 0.22), c[2])


KINDS = (bottle, car, cup, fish, flower, house, star, tree)


def draw_object(kind: int, size: tuple[int, int], random: np.random.Generator) -> NDArray[np.uint8]:
    """A thing of that kind before something, (height, width, 3)."""
    canvas = _background(size, random)
    draw = ImageDraw.Draw(canvas)
    radius = min(canvas.size) * random.uniform(0.26, 0.42)
    centre = np.array(canvas.size) * random.normal(0.5, 0.05, 2)
    turn, stretch = random.normal(0, 0.12), random.uniform(0.85, 1.15)
    axes = radius * np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])

    def polygon(points: Points, colour: tuple[int, int, int]) -> None:
        places = (np.array(points) * (stretch, 1 / stretch)) @ axes + centre
        draw.polygon([tuple(place) for place in places.tolist()], fill=colour)

    KINDS[kind](polygon, _colours(3, random))
    return _lit(np.asarray(canvas.reduce(FINE), np.float32), random)


def _colours(count: int, random: np.random.Generator) -> Colours:
    return [(int(r), int(g), int(b)) for r, g, b in random.integers(0, 256, (count, 3))]


def _background(size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """Soft patches of colour, and some boxes and discs."""
    height, width = size[0] * FINE, size[1] * FINE
    soft = random.integers(40, 216, (4, 4, 3), dtype=np.uint8)
    canvas = Image.fromarray(soft).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    for colour in _colours(int(random.integers(0, 5)), random):
        x, y = random.uniform(0, 1, 2) * (width, height)
        half = random.uniform(0.03, 0.15) * width
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((x - half, y - half, x + half, y + half), fill=colour)
    return canvas


def _lit(smooth: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.uint8]:
    """Light of any strength and colour from one side, and grain."""
    height, width, _ = smooth.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    down, along = random.normal(0, 0.2, 2)
    light = random.uniform(0.5, 1.1) * (1 + down * y + along * x)
    tint = random.uniform(0.85, 1.15, 3)
    grain = random.normal(0, 5, smooth.shape)
    return (smooth * light[:, :, None] * tint + grain).clip(0, 255).astype(np.uint8)


def some_objects(
    size: tuple[int, int], seed: int, numbers: range
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The images of those numbers as rows, and their kinds."""
    labels = np.array(numbers) % len(KINDS)
    images = [
        draw_object(int(kind), size, np.random.default_rng([seed, number])).ravel()
        for number, kind in zip(numbers, labels, strict=True)
    ]
    return np.array(images), labels


def write_objects(out: str, size: tuple[int, int], images: int, seed: int) -> None:
    """Write a data set of `images` images, some of them to test on."""
    names = tuple(kind.__name__ for kind in KINDS)
    about = Description((*size, 3), names, "drawn things")
    held = images // TEST
    with ProcessPoolExecutor(available_cores()) as pool:

        def made(numbers: range) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
            starts = range(numbers.start, numbers.stop, CHUNK)
            chunks = [range(start, min(start + CHUNK, numbers.stop)) for start in starts]
            return pool.map(partial(some_objects, size, seed), chunks)

        write_dataset(out, about, {"train": made(range(held, images)), "test": made(range(held))})


def main() -> None:
    """Write the data set that the options ask for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--size", default="64x64", help="height x width (default: 64x64)")
    parser.add_argument("--images", type=int, default=12_000, help="how many (default: 12000)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"--out {options.out}: exists already")
    write_objects(str(options.out), parse_size(options.size), options.images, options.seed)
    print(f"{options.out}: {options.images:,} images of {options.size}")


if __name__ == "__main__":
    main()
