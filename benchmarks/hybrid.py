"""The MPI hybrid on a grid of ranks x threads: heat maps, Amdahl's law, a model of the time.

    python benchmarks/hybrid.py --data data/mnist
    python benchmarks/hybrid.py --runs runs/sweep-model-12345 --figures runs/sweep-model-12345

The first measures here, with no more workers than cores; the second takes what the job array
mpi_hybrid/slurm/sweep.sbatch has measured. All images for the speed-up, a share of them that grows
with the workers for the scaled speed-up; repeats are interleaved, figures are medians.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from hybrid_figures import amdahl_plot
from hybrid_model import fit, predict
from hybrid_runs import Results, cells, load, serial_fraction
from measure import machine, report
from report_figures import heat_maps

from ridge_spark.data.dataset import Description, open_split, read_blocks
from ridge_spark.data.writer import write_dataset
from ridge_spark.engines.options import available_cores

MODES = ("model", "data")
AHEAD = (8, 8)  # nodes and threads that the report had, and the model is asked about


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    parser.add_argument(
        "--images", type=int, default=600_000, help="the images repeated to so many"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--runs", type=Path, help="figures of runs that are there already")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--figures", type=Path, help="a folder to draw them into")
    options = parser.parse_args()
    if options.runs:
        runs = load(options.runs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            runs = measured(Path(folder), options.data, options.images, options.repeats)
    found = figures(runs)
    report("hybrid", found, table(found), options.json)
    if options.figures:
        heat_maps({"machine": machine(), **found}, options.figures)
        amdahl_plot({"machine": machine(), **found}, options.figures)


def measured(folder: Path, data: str, images: int, repeats: int) -> Results:
    """Run the grid, and smaller and larger images for the model."""
    large = repeated(folder / "large", data, images)
    grid = [
        (ranks, threads)
        for ranks, threads in product(powers(available_cores()), repeat=2)
        if ranks * threads <= available_cores()
    ]
    most = max(ranks * threads for ranks, threads in grid)
    sizes = [resized(folder, data, step) for step in ("half", "wide")]
    for repeat in range(-1, repeats):  # the first, which fills caches, is not kept
        for mode, (ranks, threads) in product(MODES, grid):
            share = images * ranks * threads // most
            name = f"{mode}-{ranks}-{threads}-{repeat}"
            run(mode, ranks, threads, large, images, folder / "runs" / "fixed" / name)
            run(mode, ranks, threads, large, share, folder / "runs" / "scaled" / name)
            for number, size in enumerate(sizes):
                out = folder / "runs" / "model" / f"{name}-{number}"
                run(mode, ranks, threads, size, 60_000, out)
        if repeat < 0:
            shutil.rmtree(folder / "runs")
    return load(folder / "runs")


def run(mode: str, ranks: int, threads: int, data: Path, images: int, out: Path) -> None:
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else "mpiexec"
    subprocess.run(
        [
            *(launcher, "-n", str(ranks), "--bind-to", "none"),
            *(sys.executable, "-m", "mpi_hybrid", mode, "--data", data, "--limit", str(images)),
            *("--threads", str(threads), "--checkpoint", "1e6", "--out", out),
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def figures(runs: Results) -> dict[str, Any]:
    """All that is published."""
    found: dict[str, Any] = {"results": cells(runs), "amdahl": {}, "models": {}}
    found["library"] = runs[0]["mpi"]["library"]
    for mode in dict.fromkeys(cell["mode"] for cell in found["results"]):
        alone = [c for c in found["results"] if c["mode"] == mode and c["ranks"] == 1]
        threads = [cell["threads"] for cell in alone]
        times = [cell["seconds"] for cell in alone]
        found["amdahl"][mode] = {
            "threads": threads,
            "seconds": times,
            "serial_fraction": serial_fraction(threads, times),
        }
        of_mode = [run for run in runs if run["engine"] == f"mpi-{mode}"]
        model = fit(of_mode)
        n, d = max(run["n_train"] for run in of_mode), 784
        one = predict(model, 1, 1, n, d, 2)
        model["ahead"] = {
            "nodes": AHEAD[0],
            "threads": AHEAD[1],
            "images": n,
            "seconds": predict(model, *AHEAD, n, d, 2),
            "speed_up": one / predict(model, *AHEAD, n, d, 2),
        }
        found["models"][mode] = model
    return found


def table(found: dict[str, Any]) -> str:
    lines = ["mode   ranks threads  seconds parallel overhead  speed-up  scaled  efficiency"]
    lines += [
        f"{c['mode']:<6} {c['ranks']:>5} {c['threads']:>7} {c['seconds']:>8.2f} "
        f"{c['parallel_seconds']:>8.2f} {c['overhead_seconds']:>8.2f} {c['speed_up']:>9.2f} "
        f"{c['scaled_speed_up']:>7.2f} {c['efficiency']:>11.2f}"
        for c in found["results"]
    ]
    for mode, model in found["models"].items():
        ahead, amdahl = model["ahead"], found["amdahl"][mode]
        lines += [
            "",
            f"{mode}: one rank, 1 to {max(amdahl['threads'])} threads: "
            f"serial fraction {amdahl['serial_fraction']:.3f}",
            f"{mode}: the model is off by {model['median_error']:.0%} (median) and "
            f"{model['largest_error']:.0%} (most) on the {model['points']} runs it was fitted to",
            f"{mode}: for {ahead['nodes']} nodes x {ahead['threads']} threads it predicts "
            f"{ahead['seconds']:.2f} s, {ahead['speed_up']:.1f} times one core, if their network "
            "reduces as fast as the ranks that were measured",
        ]
    return "\n".join(lines)


def powers(most: int) -> Sequence[int]:
    """1, 2, 4, ..., and `most` itself."""
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i <= most), most})


def repeated(out: Path, data: str, images: int) -> Path:
    """The training images again and again, until there are `images`."""
    split = open_split(data, "train")

    def chunks() -> Iterator[Any]:
        left = images
        while left:
            for block in read_blocks(split.blocks):
                rows = min(left, len(block.labels))
                yield block.images[:rows], block.labels[:rows]
                left -= rows
                if not left:
                    return

    write_dataset(str(out), split.description, {"train": chunks()})
    return out


def resized(folder: Path, data: str, how: str) -> Path:
    """The images at half their width, or twice, to see what the number of pixels costs."""
    split = open_split(data, "train")
    height, width, channels = split.description.shape
    shape = (height, width // 2 if how == "half" else 2 * width, channels)

    def chunks() -> Iterator[Any]:
        for block in read_blocks(split.blocks):
            images = block.images.reshape(-1, height, width, channels)
            other = images[:, :, : width // 2 * 2 : 2] if how == "half" else images.repeat(2, 2)
            yield other, block.labels

    names = split.description.class_names
    out = folder / how
    write_dataset(str(out), Description(shape, names, data), {"train": chunks()})
    return out


if __name__ == "__main__":
    main()
