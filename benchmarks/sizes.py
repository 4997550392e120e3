"""A table of sizes: seconds and memory, as planned and as measured, beside scikit-learn's.

python benchmarks/sizes.py                      # all of them, about five minutes
python benchmarks/sizes.py --only 300x150528
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import report
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


def ours(data: str, size: Size, folder: Path) -> dict[str, Any]:
    """The result.json of a training run in a process of its own."""
    out = folder / "run"
    done = subprocess.run(
        [sys.executable, "-m", "ridge_spark", "train", "--data", data, "--out", out, "--json",
         "--no-report", *size.options],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def peer(data: str, size: Size) -> dict[str, float] | None:
    """scikit-learn's RidgeClassifierCV on the same images as floats; None where they don't fit."""
    if PEER_COPIES * 8 * size.n * size.d > available_memory():
        return None
    done = subprocess.run(
        [sys.executable, "-c", PEER, data], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(size: Size) -> dict[str, Any]:
    """Our run and scikit-learn's on the same photographs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = write_photographs(folder / "data", size.n, size.shape)
        return {"ours": ours(data, size, folder), "peer": peer(data, size)}


HEAD = (
    "| images | pixels | | side | solver | seconds | planned | GB | planned | scikit-learn | GB |\n"
    "| ---: | ---: | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def row(size: Size, found: dict[str, Any]) -> str:
    """A line of the table."""
    run, other = found["ours"], found["peer"]
    cells = [
        f"{size.n:,}", f"{size.d:,}", " ".join(size.options), run["side"], run["solver"],
        f"{run['seconds']['total']:.2f}", f"{run['plan']['seconds']:.2f}",
        f"{run['peak_rss_mb'] / 1e3:.2f}", f"{run['plan']['peak_mb'] / 1e3:.2f}",
        f"{other['seconds']:.2f}" if other else "-",
        f"{other['peak_rss_mb'] / 1e3:.2f}" if other else "-",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", help="sizes by name")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    sizes = [size for size in SIZES if options.only is None or size.name in options.only]
    results, lines = {}, [HEAD]
    for size in sizes:
        results[size.name] = measured(size)
        lines.append(row(size, results[size.name]))
        print(lines[-1], file=sys.stderr, flush=True)
    report("sizes", results, "\n".join(lines), options.json)


if __name__ == "__main__":
    main()
