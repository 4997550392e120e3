"""Comparing peers fairly: interleaved repeats in one run, medians, and what machine it was."""

from __future__ import annotations

import argparse
import atexit
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.data.writer import DatasetWriter

QUICK = {"train": 6_000, "test": 1_000}  # images of a quick look
REST = 0.15  # seconds, between runs: BLAS threads go on waiting busily for 100 ms, and take cores
PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "pyspark", "pyarrow", "mpi4py")
BEGAN = time.perf_counter()


def parse(parser: argparse.ArgumentParser, repeats: int) -> argparse.Namespace:
    """The options of a benchmark, `--repeats`, `--quick` and `--json` among them.

    With `--quick`, `--data` is that of a copy of its first images.
    """
    parser.add_argument("--repeats", type=int, default=repeats, help=f"default: {repeats}")
    options = parse_quick(parser)
    if options.quick:
        options.repeats = 1
    return options


def parse_quick(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """As `parse`, for benchmarks that repeat nothing."""
    parser.add_argument(
        "--quick", action="store_true",
        help="once and on few images: whether all works, no figures to quote",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    if options.quick:
        options.json = options.json or Path("runs/bench/quick", f"{Path(sys.argv[0]).stem}.json")
        if hasattr(options, "data"):
            options.data = _first_images(options.data)
    return options


def sizes_within(sizes: Sequence[int], data: str) -> list[int]:
    """Those numbers of training images that a data set has."""
    rows = open_split(data, "train").rows
    return [size for size in sizes if size <= rows]


def _first_images(data: str) -> str:
    """A copy of the first images of a data set, which goes when the program ends."""
    folder = tempfile.mkdtemp(prefix="ridge-spark-quick-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    uri = f"{folder}/{Path(data).name}"
    with DatasetWriter(uri, open_split(data, "train").description) as writer:
        for name, rows in QUICK.items():
            for block in read_blocks(open_split(data, name).limited(rows).blocks):
                writer.append(name, block.images, block.labels)
    return uri


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(f"{time.perf_counter() - BEGAN:6.0f} s  {text}", file=sys.stderr, flush=True)


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleaved(
    runs: Mapping[str, Callable[[], object]], repeats: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """Seconds of each of `runs`, by name, `repeats` times in turn: A B C A B C ...

    In turn, because the speed of a shared machine drifts: what is compared is measured side by
    side. The first call of each, which compiles and fills caches, is not counted.
    """
    if warm_up:
        for name, run in runs.items():
            say(f"first {name}")
            run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(repeats):
        for name, run in runs.items():
            say(f"round {number + 1} of {repeats}: {name}")
            _rest()
            found[name].append(seconds(run))
    return found


def _rest() -> None:
    """Wait, and busily: a core that sleeps is slow to begin again."""
    end = time.perf_counter() + REST
    while time.perf_counter() < end:
        pass


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """Median over the repeats of theirs / ours: how many times faster ours is."""
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def machine() -> dict[str, Any]:
    """The machine and the versions that figures were measured with."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"processor": _processor(), "cores": available_cores(), "versions": versions}


def report(name: str, results: Mapping[str, Any], table: str, out: Path | None = None) -> None:
    """Print the table, and write the figures with the machine to runs/bench/NAME.json."""
    path = out or Path("runs") / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"machine": machine(), **results}, indent=2) + "\n")
    partial.replace(path)
    print(table)
    say(f"written: {path}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
