"""Spark on MNIST: our two jobs against MLlib doing the same search, and against an empty job.

    python benchmarks/spark.py --data data/mnist

In one warm session: our engines, from the data set on disk, against MLlib's LinearRegression with
solver="normal", one fit for each class and each λ, and RowMatrix.computeGramianMatrix, both on rows
that are already vectors in Spark's cache. A few of MLlib's fits are timed, and scaled to all.

As whole processes: spark-submit of our outer job, on these images and on 300 photographs of
224x224x3, against spark-submit of a job that does nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measure import interleaved, median_ratio, parse, report, seconds
from photographs import write_photographs
from pyspark import SparkContext
from pyspark.ml.linalg import Vectors
from pyspark.ml.regression import LinearRegression
from pyspark.mllib.linalg.distributed import RowMatrix
from pyspark.mllib.util import MLUtils
from pyspark.sql import Row, SparkSession

from ridge_spark.data.dataset import Split, open_split, read_block
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.java import use_java
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark import SparkEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.progress import Progress
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import train

SPARK_SUBMIT = str(Path(sys.executable).with_name("spark-submit"))
ROOT = Path(__file__).resolve().parents[1]
GRID = parse_lambdas("logspace:-5:5:10")
FITS_TIMED = 3
PHOTOGRAPHS = (300, (224, 224, 3))
EMPTY = "spark-submit, empty job"
DRIVER_MEMORY = "6g"  # MLlib's cached vectors need it; ours runs in 1g
EMPTY_JOB = """
from pyspark import SparkContext
sc = SparkContext.getOrCreate()
sc.parallelize(range(2), 2).map(lambda x: x).collect()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    parser.add_argument("--master", default="local[2]")
    options = parse(parser, repeats=3)

    data = str(Path(options.data).absolute())
    processes = whole_processes(data, options.master, options.repeats)
    os.environ["PYSPARK_SUBMIT_ARGS"] = (
        f"--master {options.master} --driver-memory {DRIVER_MEMORY} pyspark-shell"
    )
    with spark_context("benchmark") as sc:
        session = in_one_session(sc, data, options.repeats)

    fits = len(GRID) * 10
    medians = {name: statistics.median(times) for name, times in {**processes, **session}.items()}
    one_fit = medians["MLlib, one fit"]
    ratios = {
        f"MLlib, {fits} fits / outer": fits * one_fit / medians["outer"],
        f"MLlib, {fits} fits / inner": fits * one_fit / medians["inner"],
        "computeGramianMatrix / statistics": median_ratio(
            session["statistics"], session["computeGramianMatrix"]
        ),
    }
    above = {
        name: medians[name] - medians[EMPTY]
        for name in ("spark-submit outer", "spark-submit outer, photographs")
    }
    lines = [f"{name:<36}{value:9.3f} s" for name, value in medians.items()]
    lines += [f"{name} above the empty job {value:.3f} s" for name, value in above.items()]
    lines += [f"{name:<36}{value:9.1f} times" for name, value in ratios.items()]
    lines += [f"({FITS_TIMED} of MLlib's {fits} fits were timed, and scaled by their number)"]
    results = {
        "master": options.master,
        "seconds": {**processes, **session},
        "seconds_above_empty_job": above,
        "ratios": ratios,
    }
    report("spark", results, "\n".join(lines), options.json)


def whole_processes(data: str, master: str, repeats: int) -> dict[str, list[float]]:
    """Wall-clock seconds of spark-submit, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY_JOB)
        photographs = write_photographs(Path(folder) / "photographs", *PHOTOGRAPHS)
        number = 0
        use_java()
        environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}

        def submit(*arguments: object) -> None:
            command = [SPARK_SUBMIT, "--master", master, *map(str, arguments)]
            subprocess.run(command, check=True, capture_output=True, env=environment)

        def outer(data: str) -> None:
            nonlocal number
            number += 1
            out = f"{folder}/{number}"
            submit(ROOT / "jobs" / "outer.py", "--data", data, "--out", out)

        return interleaved(
            {
                EMPTY: lambda: submit(empty),
                "spark-submit outer": lambda: outer(data),
                "spark-submit outer, photographs": lambda: outer(photographs),
            },
            repeats,
        )


def in_one_session(sc: SparkContext, data: str, repeats: int) -> dict[str, list[float]]:
    split, test = open_split(data, "train"), open_split(data, "test")
    options = TrainOptions(data, "", GRID, make_folds(None, None, 0))

    def ours(engine: type[SparkEngine]) -> None:
        progress = Progress(quiet=True)
        train(engine(sc, split, test, None, progress), options)

    frame = cached_vectors(sc, split)
    vectors = MLUtils.convertVectorColumnsFromML(frame.select("features")).cache()
    matrix = RowMatrix(vectors)
    matrix.numRows()
    inner = InnerEngine(sc, split, None, None, Progress(quiet=True))
    found = interleaved(
        {
            "outer": lambda: ours(OuterEngine),
            "inner": lambda: ours(InnerEngine),
            "statistics": lambda: inner.statistics(options.folds),
            "computeGramianMatrix": matrix.computeGramianMatrix,
        },
        repeats,
    )
    rng = np.random.default_rng(0)
    chosen = [(int(rng.integers(10)), float(rng.choice(GRID))) for _ in range(FITS_TIMED + 1)]
    fit_one(frame, *chosen[0])  # not counted: the first one compiles
    found["MLlib, one fit"] = [seconds(partial(fit_one, frame, k, lam)) for k, lam in chosen[1:]]
    return found


def fit_one(frame: Any, k: int, lam: float) -> None:
    """One class against all others at one λ."""
    targets = frame.select("features", ((frame.label == k).cast("double") * 2 - 1).alias("target"))
    regression = LinearRegression(
        labelCol="target", solver="normal", regParam=lam, standardization=False
    )
    regression.fit(targets)


def cached_vectors(sc: SparkContext, split: Split) -> Any:
    """The training images as MLlib takes them: a cached column of dense vectors, and the label."""
    spark = SparkSession(sc)

    def rows(descriptor: Any) -> list[Row]:
        block = read_block(descriptor)
        return [
            Row(features=Vectors.dense(image), label=int(label))
            for image, label in zip(block.images.astype(float), block.labels, strict=True)
        ]

    frame = spark.createDataFrame(sc.parallelize(split.blocks, sc.defaultParallelism).flatMap(rows))
    frame.cache().count()
    return frame


if __name__ == "__main__":
    main()
