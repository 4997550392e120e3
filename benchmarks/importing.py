"""How fast image files are imported, against bare Pillow decoding of them on the same cores.

    python benchmarks/importing.py --images 20000 --repeats 5

Both sides are whole programs that are started afresh, use every core, and read the same PNG files.
The bare one opens and loads each file with Pillow, in batches, and throws the pixels away. The
photographs are colour noise of a photograph's smoothness, brought to 32x32 gray; the hands are the
hard case, files so small that starting the program is a large part of it all.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from hands import write_hands
from measure import interleaved, median_ratio, parse, report
from PIL import Image

from ridge_spark.cores import available_cores
from ridge_spark.importing.preparation import parse_size

QUICK_IMAGES = 300
CASES = (("photographs", "240x320"), ("hands", "120x180"), ("hands", "40x60"))
DISTINCT = 500  # photographs; the others are links to them

BARE = """
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from PIL import Image

def decode(paths):
    for path in paths:
        with Image.open(path) as image:
            image.load()

if __name__ == "__main__":
    folder, workers, size = sys.argv[1], int(sys.argv[2]), 256
    paths = sorted(map(str, Path(folder).glob("*/*.png")))
    with ProcessPoolExecutor(workers) as pool:
        for _ in pool.map(decode, [paths[i:i + size] for i in range(0, len(paths), size)]):
            pass
"""


def write_photographs(out: Path, size: tuple[int, int], images: int) -> None:
    """Colour PNG files that take as long to decode as photographs; many are links to one file."""
    height, width = size
    random = np.random.default_rng(0)
    for number in range(images):
        path = out / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < DISTINCT:
            light = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
            smooth = np.asarray(light.resize((width, height), Image.Resampling.BICUBIC), np.int16)
            grain = random.integers(-3, 4, smooth.shape)
            Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(path)
        else:
            path.hardlink_to(out / str(number % DISTINCT % 2) / f"{number % DISTINCT}.png")


def programs(folder: Path, prepare: Sequence[str]) -> dict[str, Callable[[], object]]:
    """The two programs to compare, on the images in `folder`/png."""
    bare, out, images = folder / "bare.py", folder / "imported", folder / "png"
    bare.write_text(BARE)

    def import_all() -> None:
        shutil.rmtree(out, ignore_errors=True)
        command = ["import", "folder", str(images), *prepare, "--out", str(out)]
        subprocess.run(
            [sys.executable, "-m", "ridge_spark", *command], check=True, capture_output=True
        )

    def decode_all() -> None:
        subprocess.run([sys.executable, bare, images, str(available_cores())], check=True)

    return {"import": import_all, "bare": decode_all}


def measure(kind: str, size: str, images: int, repeats: int) -> dict[str, float]:
    """Median images a second of both, and the median over the repeats of their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "hands":
            write_hands(folder / "png", parse_size(size), images, 0, available_cores())
            prepare = ["--gray", "--threshold", "0.5"]
        else:
            write_photographs(folder / "png", parse_size(size), images)
            prepare = ["--gray", "--size", "32x32", "--fit", "crop"]
        seconds = interleaved(programs(folder, prepare), repeats)
    return {
        "import": images / statistics.median(seconds["import"]),
        "bare": images / statistics.median(seconds["bare"]),
        "ratio": median_ratio(seconds["import"], seconds["bare"]),
    }


def main() -> None:
    """Measure, print a table and write runs/bench/importing.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000, help="PNG files (default: 20000)")
    options = parse(parser, repeats=5)
    if options.quick:
        options.images = min(QUICK_IMAGES, options.images)
    found = {
        f"{kind} {size}": measure(kind, size, options.images, options.repeats)
        for kind, size in CASES
    }
    lines = [f"{options.images:,} PNG files, images a second", ""]
    lines.append(f"{'':<22}{'import':>10}{'bare':>10}{'import / bare':>16}")
    for case, figures in found.items():
        row = f"{figures['import']:>10,.0f}{figures['bare']:>10,.0f}{figures['ratio']:>16.2f}"
        lines.append(f"{case:<22}{row}")
    report(
        "importing",
        {"images": options.images, "repeats": options.repeats, "cases": found},
        "\n".join(lines),
        options.json,
    )


if __name__ == "__main__":
    main()
