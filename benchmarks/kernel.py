"""X'X of 8-bit images: our integer kernel against NumPy's BLAS and against the processor's limit.

    python benchmarks/kernel.py --data data/mnist

The images of a data set, and random ones with more pixels. Ours starts from bytes and ends with
the finished 64-bit statistics. Against it: NumPy's X.T @ X in float64 on data already converted
(a), with the conversion (b), and in float32 with the conversion (c), which is inexact. The
processor's limit is a loop of the same instruction on registers alone; against it count the
products of the upper triangle, n d (d+1) / 2, with everything (packing, class sums, mirroring) and
in the multiplication alone.

Then the feature maps on one thread: patches of the data set's images (128 filters, with all that is
done for them) and 4,096 random units of the 4,096 numbers that come of them, in images a second and
in products of bytes against the same limit.

Also what a new process pays before its first sum, with the compiled kernel kept on disk or not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import interleaved, median_ratio, parse, report
from numpy.typing import NDArray
from peak import RegisterLoop

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.features import Sample, find_map, parse_specs
from ridge_spark.features.sample import SampleRows
from ridge_spark.ridge.kernel import accumulator
from ridge_spark.ridge.kernel.choose import PORTABLE, chosen_kernel
from ridge_spark.ridge.kernel.integer import IntegerAccumulator
from ridge_spark.ridge.kernel.micro import DOT_PRODUCTS
from ridge_spark.ridge.threads import blas_threads, run_on_threads

RANDOM = [(2400, 16_000), (8192, 8_000)]  # pixels, images
CLASSES = 10
FEATURE_IMAGES = 2000
ROOT = Path(__file__).resolve().parents[1]
FIRST_SUM = "from ridge_spark.ridge.kernel import accumulator; accumulator(784, 10).finish()"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    parser.add_argument("--threads", type=int, default=available_cores())
    options = parse(parser, repeats=5)
    name = chosen_kernel()
    if name == PORTABLE:
        sys.exit("error: this processor has no integer kernel to measure")

    with blas_threads(options.threads):
        sizes = [
            measure_size(name, images, options.threads, options.repeats)
            for images in sets_of_images(options.data)
        ]
        features = measure_features(name, options.data, options.repeats)
    start_up = measure_start_up(options.repeats)
    results = {
        "kernel": name,
        "threads": options.threads,
        "sizes": sizes,
        "features": features,
        "start_up": start_up,
    }
    report("kernel", results, table(results), options.json)


def sets_of_images(data: str) -> Iterator[NDArray[np.uint8]]:
    blocks = read_blocks(open_split(data, "train").blocks)
    yield np.concatenate([block.images for block in blocks])
    for d, n in RANDOM:
        yield np.random.default_rng(d).integers(0, 256, (n, d), dtype=np.uint8)


def measure_size(
    name: str, images: NDArray[np.uint8], threads: int, repeats: int
) -> dict[str, Any]:
    n, d = images.shape
    labels = np.arange(n) % CLASSES
    converted = images.astype(np.float64)
    peak = RegisterLoop(DOT_PRODUCTS[name])
    peaks: list[float] = []

    def ours() -> None:
        sums = accumulator(d, CLASSES, threads=threads)
        sums.add(images, labels)
        sums.finish()

    def float64_with_conversion() -> None:
        X = images.astype(np.float64)
        X.T @ X

    def float32_with_conversion() -> None:
        X = images.astype(np.float32)
        X.T @ X

    seconds = interleaved(
        {
            "peak": lambda: peaks.append(peak.products_per_second(threads)),
            "ours": ours,
            "multiplication": multiplication(images, labels, threads),
            "a": lambda: converted.T @ converted,
            "b": float64_with_conversion,
            "c": float32_with_conversion,
        },
        repeats,
    )
    products = n * d * (d + 1) / 2
    return {
        "d": d,
        "n": n,
        "seconds": seconds,
        "peak_products_per_second": peaks,
        "times_faster": {peer: median_ratio(seconds["ours"], seconds[peer]) for peer in "abc"},
        "of_peak": {
            part: statistics.median(
                products / t / limit for t, limit in zip(seconds[part], peaks[1:], strict=True)
            )
            for part in ("ours", "multiplication")
        },
    }


def multiplication(images: NDArray[np.uint8], labels: NDArray[np.int64], threads: int) -> Any:
    """A function that multiplies as often as `images` need, always the same packed chunks."""
    n, d = images.shape
    sums = accumulator(d, CLASSES, threads=threads)
    assert isinstance(sums, IntegerAccumulator)
    lanes, most = [groups[0] for groups in sums.lanes], sums.layout.steps
    chunk = np.arange(min(n, 4 * most))
    for lane in lanes:
        lane._pack(images, labels, chunk)

    def multiply_share(i: int) -> None:
        left = -(-n // 4) // len(lanes)
        while left > 0:
            lanes[i].used, lanes[i].pending = min(left, most), 0
            left -= most
            lanes[i].multiply()

    return lambda: run_on_threads(multiply_share, len(lanes))


def measure_features(name: str, data: str, repeats: int) -> dict[str, Any]:
    """Both stages of `patches` on one thread, against the limit of the processor."""
    split = open_split(data, "train")
    block = next(iter(read_blocks(split.blocks)))
    images, shape = block.images[:FEATURE_IMAGES], split.description.shape
    rows = SampleRows(len(block.images), split.description.d, 0)
    (spec,) = parse_specs("patches:moments=0")
    found = find_map(spec, shape, Sample.of([block], rows))
    assert found.bank is not None
    assert found.units is not None
    first = np.empty((len(images), found.first_outputs), np.uint8)
    units = np.empty((len(images), found.units.outputs), np.uint8)
    peak = RegisterLoop(DOT_PRODUCTS[name])
    peaks: list[float] = []
    seconds = interleaved(
        {
            "peak": lambda: peaks.append(peak.products_per_second(1)),
            "patches": lambda: found.write_first(images, first),
            "units": lambda: found.at_work_units.features(first, units),
        },
        repeats,
    )
    geometry = found.bank.geometry
    places = geometry.places[0] * geometry.places[1]
    products = {
        "patches": places * geometry.patch_bytes * len(found.bank.filters),
        "units": found.first_outputs * found.units.outputs,
    }
    return {
        stage: {
            "images_per_second": len(images) / statistics.median(seconds[stage]),
            "products_per_second": len(images) * each / statistics.median(seconds[stage]),
            "of_peak": statistics.median(
                len(images) * each / t / limit
                for t, limit in zip(seconds[stage], peaks[1:], strict=True)
            ),
        }
        for stage, each in products.items()
    }


def measure_start_up(repeats: int) -> dict[str, list[float]]:
    """Wall-clock seconds of processes that import NumPy and then do what their name says."""

    def process(statement: str, cache: str) -> None:
        subprocess.run(
            [sys.executable, "-c", f"import numpy; {statement}"],
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": cache},
        )

    def cold() -> None:
        with tempfile.TemporaryDirectory() as empty:
            process(FIRST_SUM, empty)

    with tempfile.TemporaryDirectory() as kept:
        return interleaved(
            {
                "nothing": lambda: process("pass", kept),
                "import numba": lambda: process("import numba", kept),
                "first sum, kernel on disk": lambda: process(FIRST_SUM, kept),
                "first sum, kernel compiled": cold,
            },
            repeats,
        )


def table(results: dict[str, Any]) -> str:
    head = f"{'d':>6}{'n':>8}{'ours':>10}" + "".join(f"{f'({peer}) / ours':>14}" for peer in "abc")
    lines = [
        f"kernel {results['kernel']} on {results['threads']} threads",
        f"{head}{'of the peak':>14}{'multiplying':>14}",
    ]
    for size in results["sizes"]:
        ratios = "".join(f"{size['times_faster'][peer]:13.1f}x" for peer in "abc")
        share = "".join(f"{size['of_peak'][p]:14.0%}" for p in ("ours", "multiplication"))
        ours = statistics.median(size["seconds"]["ours"])
        lines.append(f"{size['d']:>6}{size['n']:>8}{ours:8.3f} s{ratios}{share}")
    for stage, rate in results["features"].items():
        lines.append(
            f"{stage:<8} on one thread {rate['images_per_second']:10,.0f} images/s"
            f"{rate['products_per_second'] / 1e9:8.0f} GMAC/s{rate['of_peak']:8.0%} of the peak"
        )
    nothing = results["start_up"]["nothing"]
    for name, times in results["start_up"].items():
        more = statistics.median(b - a for a, b in zip(nothing, times, strict=True))
        if name != "nothing":
            lines.append(f"a process with NumPy, and then {name:<28}{more:8.3f} s more")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
