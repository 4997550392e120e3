"""Running the MPI hybrid on a grid of ranks x threads, on images made large by repetition."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from hybrid_runs import Results, load

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Description, open_split, read_blocks
from ridge_spark.data.writer import write_dataset

MODES = ("model", "data")


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
                run(mode, ranks, threads, size, images, out)
        if repeat < 0:
            shutil.rmtree(folder / "runs")
    return load(folder / "runs")


def run(mode: str, ranks: int, threads: int, data: Path, images: int, out: Path) -> None:
    """One run on as many cores as it has workers; notes the seconds of the whole command."""
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else "mpiexec"
    command: list[str | Path] = [
        *(launcher, "-n", str(ranks), "--bind-to", "none"),
        *(sys.executable, "-m", "mpi_hybrid", mode, "--data", data, "--limit", str(images)),
        *("--threads", str(threads), "--checkpoint", "1e6", "--out", out),
    ]
    with cores(ranks * threads):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        whole = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, command))}:\n{done.stderr}")
    path = out / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "command_seconds": whole}))


@contextmanager
def cores(number: int) -> Iterator[None]:
    """Confine what is started inside to so many cores: a rank reads ahead in a further thread."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(mine)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


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
