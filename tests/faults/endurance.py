"""Fifty trainings in one process, and in one Spark session: memory, handles and threads stay flat.

    python -m tests.faults.endurance --data data/mnist [--engine outer] [--trainings 50]

Prints what there is after a few trainings and after all of them; status 1 if it has grown.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from ridge_spark.data.dataset import open_split
from ridge_spark.engines.engine import Engine
from ridge_spark.engines.local import LocalEngine
from ridge_spark.progress import Progress
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import train

WARM_UP = 10  # trainings, until caches and pools are as large as they get
MORE_MB = 24.0  # that the process may have at the end: an allocator's pages, not a training's


def held() -> tuple[float, int, int, int]:
    """Of this process: MiB in memory, handles, threads, and bytes of the copies that Spark has."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return (
        pages * os.sysconf("SC_PAGESIZE") / 2**20,
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        _copies(),
    )


def _copies() -> int:
    if "pyspark" not in sys.modules:
        return 0
    from pyspark import SparkFiles

    return sum(path.stat().st_size for path in Path(SparkFiles.getRootDirectory()).iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--engine", choices=("local", "outer", "inner"), default="local")
    parser.add_argument("--trainings", type=int, default=50)
    options = parser.parse_args()
    splits = open_split(options.data, "train").limited(8192), open_split(options.data, "test")
    chosen = TrainOptions("", "", parse_lambdas("1,600"), make_folds(None, None, 0))
    seen, models = [], set()
    with ExitStack() as stack:
        if options.engine != "local":
            from ridge_spark.engines.inner import InnerEngine
            from ridge_spark.engines.outer import OuterEngine
            from ridge_spark.engines.spark_session import spark_context

            sc = stack.enter_context(spark_context("endurance"))
        for number in range(options.trainings):
            engine: Engine
            if options.engine == "local":
                engine = LocalEngine(*splits, 2, Progress(quiet=True))
            else:
                kind = {"inner": InnerEngine, "outer": OuterEngine}[options.engine]
                engine = kind(sc, *splits, 2, Progress(quiet=True))
            with engine:
                models.add(train(engine, chosen).model.sha256())
            del engine
            if number in (WARM_UP - 1, options.trainings - 1):
                seen.append(held())
    before, after = seen
    names = ("MiB", "handles", "threads", "bytes of copies")
    for name, first, last in zip(names, before, after, strict=True):
        print(f"{options.engine}: {first:,.0f} {name} after {WARM_UP} trainings, "
              f"{last:,.0f} after {options.trainings}")  # fmt: skip
    grown = after[0] > before[0] + MORE_MB or any(
        last > first for first, last in zip(before[1:], after[1:], strict=True)
    )
    sys.exit(grown or len(models) != 1)


if __name__ == "__main__":
    main()
