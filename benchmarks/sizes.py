"""A table of sizes: seconds and memory, as planned and as measured, beside scikit-learn's.

python benchmarks/sizes.py                      # all of them, about five minutes
python benchmarks/sizes.py --only 300x150528
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import parse_quick, report
from photographs import write_photographs

from ridge_spark.cores import available_memory

PEER_COPIES = 4  # of the float64 array that RidgeClassifierCV comes to hold
PEER = """
import json, resource, sys, time
import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from ridge_spark.data.dataset import open_split, read_blocks
split = open_split(sys.argv[1], "train")
X, y = np.empty((split.rows, split.description.d)), np.empty(split.rows, int)
for block in read_blocks(split.blocks):
    rows = slice(block.first_row, block.first_row + len(block.labels))
    X[rows], y[rows] = block.images, block.labels
start = time.perf_counter()
RidgeClassifierCV(alphas=len(X) * np.logspace(-5, 5, 10)).fit(X, y)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak_rss_mb": peak}))
"""


@dataclass(frozen=True)
class Size:
    """Images to train on, and with which options."""

    n: int
    shape: tuple[int, int, int]
    options: tuple[str, ...] = ()

    @property
    def d(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def name(self) -> str:
        return " ".join([f"{self.n}x{self.d}", *self.options])


SIZES = (
    Size(400, (32, 32, 3)),
    Size(300, (224, 224, 3)),
    Size(300, (224, 224, 3), ("--folds", "5")),
    Size(2000, (128, 128, 3)),
    Size(1000, (64, 64, 3), ("--folds", "5")),
    Size(3000, (40, 40, 1)),
    Size(4821, (120, 180, 1)),
    Size(8000, (48, 48, 1), ("--folds", "5")),
    Size(10_000, (64, 64, 1)),
    Size(30_000, (28, 28, 1), ("--folds", "5")),
    Size(6000, (80, 80, 1)),
)


def run(command: list[Any]) -> dict[str, Any]:
    """What a command prints as JSON, and the seconds of all cores that it took, start and all."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(done.stdout), "core_seconds": spent}


def trained(data: str, size: Size, folder: Path) -> dict[str, Any]:
    """The result.json of a training run in a process of its own."""
    out = folder / "run"
    train = [sys.executable, "-m", "ridge_spark", "train", "--data", data, "--out", out]
    return run([*train, "--json", "--no-report", *size.options])


def peer(data: str, size: Size) -> dict[str, Any] | None:
    """scikit-learn's RidgeClassifierCV on the same images as floats; None where they don't fit."""
    if PEER_COPIES * 8 * size.n * size.d > available_memory():
        return None
    return run([sys.executable, "-c", PEER, data])


def measured(size: Size) -> dict[str, Any]:
    """Our run and scikit-learn's on the same photographs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = write_photographs(folder / "data", size.n, size.shape)
        return {"ours": trained(data, size, folder), "peer": peer(data, size)}


HEAD = (
    "| images | pixels | | side | solver | seconds | of cores | planned | GB | planned "
    "| scikit-learn | of cores | GB |\n"
    "| ---: | ---: | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def row(size: Size, found: dict[str, Any]) -> str:
    """A line of the table."""
    ours, other = found["ours"], found["peer"]
    cells = [
        f"{size.n:,}", f"{size.d:,}", " ".join(size.options), ours["side"], ours["solver"],
        f"{ours['seconds']['total']:.2f}", f"{ours['core_seconds']:.2f}",
        f"{ours['plan']['seconds']:.2f}",
        f"{ours['peak_rss_mb'] / 1e3:.2f}", f"{ours['plan']['peak_mb'] / 1e3:.2f}",
        *(f"{other[key]:.2f}" if other else "-" for key in ("seconds", "core_seconds")),
        f"{other['peak_rss_mb'] / 1e3:.2f}" if other else "-",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", help="sizes by name")
    options = parse_quick(parser)
    sizes = [size for size in SIZES if options.only is None or size.name in options.only]
    sizes = sizes[:1] if options.quick else sizes
    results, lines = {}, [HEAD]
    for size in sizes:
        results[size.name] = measured(size)
        lines.append(row(size, results[size.name]))
        print(lines[-1], file=sys.stderr, flush=True)
    report("sizes", results, "\n".join(lines), options.json)


if __name__ == "__main__":
    main()
