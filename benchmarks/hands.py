"""Draws black and white hands that show 0 to 5 fingers, a folder of PNG files for each number.

They stand in for the photographs of the course report, which are not public. Every hand differs in
position, angle, size, the fingers it shows, their length and spread, its sleeve and its noise; it
depends on the seed and its own number alone.

    python -m benchmarks.hands --out data/hands-png --size 40x60 --images 16000
"""

from __future__ import annotations

import argparse
import math
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ridge_spark.cores import available_cores
from ridge_spark.importing.preparation import parse_size

FINGERS = 5
DRAWN_HEIGHT = 160  # drawn about this high, then averaged, so that edges are smooth
CHUNK = 200

# In units of the palm's radius, the hand upright, its palm at the origin, y up. Thumb first.
ROOTS = np.array([(-0.75, 0.1), (-0.62, 0.75), (-0.2, 0.95), (0.25, 0.92), (0.66, 0.7)])
ANGLES = np.radians([142, 108, 94, 80, 64])
LENGTHS = np.array([1.15, 1.5, 1.7, 1.55, 1.2])
WIDTHS = np.array([0.44, 0.40, 0.40, 0.38, 0.34])
SHOWN = ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), (0, 1, 2, 3, 4))  # for each number
FROM_THE_THUMB = 0.1  # of the people count one, two and three so


def draw_hand(fingers: int, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """A hand that shows that many fingers, 0 or 255 in each pixel; `size` is (height, width)."""
    height, width = size
    fine = max(2, DRAWN_HEIGHT // height)
    canvas = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(canvas)
    radius = canvas.height * random.uniform(0.195, 0.22)
    place = _placement(canvas.size, radius, random)

    _draw_arm(draw, place, radius, random)
    palm = place(np.array([(0.0, 0.0), (0.0, 0.35), (-0.18, 0.1), (0.2, 0.1)]))
    for x, y in palm:
        _disc(draw, x, y, radius * 0.9)
    _draw_fingers(draw, place, radius, _shown(fingers, random), random)
    smooth = np.asarray(canvas.reduce(fine), np.float32)
    return Image.fromarray(_photographed(smooth, random))


def _placement(size, radius, random):  # type: ignore[no-untyped-def]
    """The map from the hand's own coordinates to the canvas: turned and moved."""
    width, height = size
    turn = math.radians(random.normal(0, 5))
    centre = np.array([width * random.normal(0.5, 0.025), height * random.normal(0.63, 0.03)])
    axes = radius * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return points @ axes.T * (1, -1) + centre

    return place


def _draw_arm(draw, place, radius, random):  # type: ignore[no-untyped-def]
    wrist, sleeve = random.uniform(0.55, 0.75), random.uniform(0.8, 1.3)
    cuff = random.uniform(-2.2, -1.2)
    for half, top, bottom in ((wrist, 0.0, -6.0), (sleeve, cuff, -6.0)):
        corners = np.array([(-half, top), (half, top), (half, bottom), (-half, bottom)])
        draw.polygon([tuple(corner) for corner in place(corners)], fill=255)


def _shown(fingers: int, random: np.random.Generator) -> tuple[int, ...]:
    """Which fingers are held up."""
    if random.random() < FROM_THE_THUMB and 1 <= fingers <= 3:
        return tuple(range(fingers))
    return SHOWN[fingers]


def _draw_fingers(draw, place, radius, shown, random):  # type: ignore[no-untyped-def]
    spread = random.normal(1.0, 0.06)
    length_of_all, width_of_all = random.normal(1.0, 0.07), random.normal(1.0, 0.07)
    for finger in range(FINGERS):
        angle = math.pi / 2 + (ANGLES[finger] - math.pi / 2) * spread + random.normal(0, 0.03)
        folded = random.uniform(0.02, 0.2)  # what still sticks out
        length = LENGTHS[finger] * length_of_all * random.normal(1, 0.06)
        reach = length if finger in shown else folded
        tip = ROOTS[finger] + reach * np.array([math.cos(angle), math.sin(angle)])
        (x0, y0), (x1, y1) = place(np.array([ROOTS[finger], tip]))
        half = radius * WIDTHS[finger] * width_of_all / 2
        draw.line([(x0, y0), (x1, y1)], fill=255, width=max(1, round(2 * half)))
        _disc(draw, x0, y0, half)
        _disc(draw, x1, y1, half)


def _photographed(smooth: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.uint8]:
    """Uneven light and grain, then the threshold that makes it black and white."""
    height, width = smooth.shape
    light = random.normal(0, 30, (4, 5)).astype(np.float32)
    uneven = np.asarray(Image.fromarray(light).resize((width, height), Image.Resampling.BICUBIC))
    grain = 26 * random.standard_normal(smooth.shape, np.float32)
    return (smooth + uneven + grain >= 128) * np.uint8(255)


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def write_hands(out: Path, size: tuple[int, int], images: int, seed: int, workers: int) -> None:
    """Write `images` hands to `out`/NUMBER/, as many of each number of fingers as can be."""
    for fingers in range(FINGERS + 1):
        (out / str(fingers)).mkdir(parents=True)
    starts = range(0, images, CHUNK)
    chunks = [range(start, min(images, start + CHUNK)) for start in starts]
    with ProcessPoolExecutor(workers) as pool:
        for _ in pool.map(partial(_write_chunk, out, size, seed), chunks):
            pass


def _write_chunk(out: Path, size: tuple[int, int], seed: int, numbers: range) -> None:
    for number in numbers:
        fingers = number % (FINGERS + 1)
        hand = draw_hand(fingers, size, np.random.default_rng([seed, number]))
        hand.save(out / str(fingers) / f"hand-{number:06d}.png")


def main() -> None:
    """Write the folder that the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--size", default="40x60", help="height x width (default: 40x60)")
    parser.add_argument("--images", type=int, default=16_000, help="how many (default: 16000)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"--out {options.out}: exists already")
    write_hands(
        options.out, parse_size(options.size), options.images, options.seed, available_cores()
    )
    print(f"{options.out}: {options.images:,} hands of {options.size}")


if __name__ == "__main__":
    main()
