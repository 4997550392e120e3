"""Speed-up of the Spark jobs over the report's serial program, against the number of images.

    python benchmarks/spark_speedup.py --data data/mnist

Each job runs whole, from the data set on disk to the test, in one warm Spark session; what starting
Spark costs on top is measured apart. The serial program is that of report_baseline.py.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from functools import partial
from pathlib import Path

from measure import interleaved, median_ratio, parse, report, sizes_within
from pyspark import SparkContext
from report_baseline import FOLDS, GRID, serial

from ridge_spark.data.dataset import open_split
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark import SparkEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.progress import Progress
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.training import train

SIZES = (1_000, 6_000, 11_000, 21_000, 41_000, 60_000)
ENGINES: dict[str, type[SparkEngine]] = {"outer": OuterEngine, "inner": InnerEngine}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    parser.add_argument("--master", default="local[2]")
    options = parse(parser, repeats=3)
    os.environ["PYSPARK_SUBMIT_ARGS"] = (
        f"--master {options.master} --conf spark.ui.showConsoleProgress=false pyspark-shell"
    )
    data = str(Path(options.data).absolute())

    results = []
    lines = [f"{'images':>8}{'serial':>10}{'outer':>10}{'inner':>10}{'times':>8}{'times':>8}"]
    started = time.perf_counter()
    with spark_context("benchmark") as sc:
        start = time.perf_counter() - started
        for images in sizes_within(SIZES, data):
            runs = {
                name: partial(run, sc, engine, data, images) for name, engine in ENGINES.items()
            }
            times = interleaved({"serial": partial(serial, data, images), **runs}, options.repeats)
            speed_up = {name: median_ratio(times[name], times["serial"]) for name in ENGINES}
            results.append({"images": images, "seconds": times, "speed_up": speed_up})
            medians = "".join(f"{statistics.median(each):>8.2f} s" for each in times.values())
            ratios = "".join(f"{ratio:>8.1f}" for ratio in speed_up.values())
            lines.append(f"{images:>8,}{medians}{ratios}")
    lines.append(f"starting Spark takes {start:.2f} s on top")
    found = {"master": options.master, "start_seconds": start, "results": results}
    report("spark_speedup", found, "\n".join(lines), options.json)


def run(sc: SparkContext, engine: type[SparkEngine], data: str, images: int) -> None:
    """One job on the first `images` training images and all test images."""
    split, test = open_split(data, "train").limited(images), open_split(data, "test")
    options, progress = TrainOptions(data, "", GRID, FOLDS), Progress(quiet=True)
    train(engine(sc, split, test, None, progress), options)


if __name__ == "__main__":
    main()
