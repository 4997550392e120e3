"""How much of a run can be shared out: Amdahl's law for each engine, and what was measured.

    python benchmarks/amdahl.py --data data/mnist

Every engine runs on one core. The passes over the images can be shared out by any number of
workers; the rest, with the solving, can't. With f the share of the passes, p workers are at best

    1 / ((1 - f) + f / p)

times as fast (Amdahl, AFIPS 1967). Then the same on all cores of this machine, to hold against it.
In the serial program of the report it is the products and the loops that can be shared out.

What is measured may lie above that: the systems of all images and of those without each fold are
solved side by side as well, and both the share and the time have a spread, which is kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from measure import parse, report, say, seconds
from pyspark import SparkContext
from report_baseline import FOLDS, GRID, serial

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import open_split
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark import SparkEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.progress import Progress
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.training import train

PASSES = ("statistics", "score", "test")
SHARED_OUT = ("read and convert", "X'X", "loop over classes")  # of the serial program
WORKERS = (2, 4, 8, 16, 32)
SPARK: dict[str, type[SparkEngine]] = {"outer": OuterEngine, "inner": InnerEngine}

Run = Callable[[int], Progress]


def local(data: str, cores: int) -> Progress:
    options, progress = TrainOptions(data, "", GRID, FOLDS), Progress(quiet=True)
    split, test = open_split(data, "train"), open_split(data, "test")
    train(LocalEngine(split, test, cores, progress), options)
    return progress


def spark(sc: SparkContext, name: str, data: str, cores: int) -> Progress:
    """A run of a Spark engine that shares its passes out among `cores` tasks."""
    options, progress = TrainOptions(data, "", GRID, FOLDS), Progress(quiet=True)
    split, test = open_split(data, "train"), open_split(data, "test")
    engine = SPARK[name](sc, split, test, cores, progress)
    engine.workers = cores  # the outer engine shares its pairs out among its workers
    train(engine, options)
    return progress


def measured(runs: dict[str, Run], cores: int, repeats: int) -> dict[str, dict[str, Any]]:
    """Of each engine: seconds and share of the passes on one core, and its speed-up on all.

    Medians, and `..._range`, the least and the most of the repeats.
    """
    for run in runs.values():
        run(cores)
    total = defaultdict(list)
    shares: dict[str, list[float]] = defaultdict(list)
    for number in range(repeats):
        for name, run in runs.items():
            say(f"round {number + 1} of {repeats}: {name}")
            for used in (1, cores):
                progress: list[Progress] = []
                total[name, used].append(seconds(lambda: progress.append(run(used))))  # noqa: B023
                if used == 1:
                    passes = sum(progress[0].seconds.get(stage, 0.0) for stage in PASSES)
                    shares[name].append(passes / total[name, 1][-1])
    found = {}
    for name in runs:
        ratios = [a / b for a, b in zip(total[name, 1], total[name, cores], strict=True)]
        found[name] = {
            "seconds": statistics.median(total[name, 1]),
            "shared_out": statistics.median(shares[name]),
            "shared_out_range": [min(shares[name]), max(shares[name])],
            "speed_up": statistics.median(ratios),
            "speed_up_range": [min(ratios), max(ratios)],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    options = parse(parser, repeats=3)
    cores, data = available_cores(), str(Path(options.data).absolute())
    os.environ["PYSPARK_SUBMIT_ARGS"] = (
        f"--master local[{cores}] --conf spark.ui.showConsoleProgress=false pyspark-shell"
    )

    images = open_split(data, "train").rows
    parts = serial(data, images).seconds
    whole = sum(parts.values())
    found: dict[str, dict[str, Any]] = {
        "serial program": {
            "seconds": whole,
            "shared_out": sum(parts[part] for part in SHARED_OUT) / whole,
        }
    }
    with spark_context("benchmark") as sc:
        runs: dict[str, Run] = {"local": partial(local, data)}
        runs |= {name: partial(spark, sc, name, data) for name in SPARK}
        found |= measured(runs, cores, options.repeats)

    heads = "".join(f"{p:>5} w." for p in WORKERS)
    lines = [f"{'':<16}{'1 core':>10}{'shared out':>12}{heads}{f'measured on {cores}':>16}"]
    for name, figures in found.items():
        share = figures["shared_out"]
        at_best = "".join(f"{limit(share, p):>8.2f}" for p in WORKERS)
        shown = f"{figures['speed_up']:.2f}" if "speed_up" in figures else "-"
        lines.append(f"{name:<16}{figures['seconds']:>8.2f} s{share:>12.1%}{at_best}{shown:>16}")
    results = {"images": images, "cores_used": cores, "parts": parts, "engines": found}
    report("amdahl", results, "\n".join(lines), options.json)


def limit(shared_out: float, workers: Any) -> Any:
    """Amdahl's law."""
    return 1 / ((1 - shared_out) + shared_out / workers)


if __name__ == "__main__":
    main()
