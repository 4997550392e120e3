"""One training run from its options to its run directory."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Split, find_split, open_split
from ridge_spark.engines.engine import Engine
from ridge_spark.engines.local import LocalEngine
from ridge_spark.errors import InputError
from ridge_spark.progress import Progress
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.result import Draw, describe, draw_page, require_free, write_run
from ridge_spark.runs.training import train


def run(engine_name: str, options: TrainOptions, draw: Draw) -> dict[str, Any]:
    """Train with the engine of that name, write the run directory, return result.json.

    `draw` makes the text of report.html; a run without one is finished all the same.
    """
    progress = Progress()
    require_free(options.out)
    split, test = open_splits(options)
    with ExitStack() as stack:
        engine = _start(engine_name, split, test, options, progress, stack)
        training = train(engine, split, options, progress)
    result = describe(engine, training, options, progress)
    for warning in training.warnings:
        progress.say(f"warning: {warning}")
    page = draw_page(draw, result, training, progress)
    write_run(options.out, result, training, page)
    return result


def open_splits(options: TrainOptions) -> tuple[Split, Split | None]:
    """The images to train on, and those to test on where there are any."""
    split = open_split(options.data, "train").limited(options.limit)
    test = find_split(options.data, "test")
    if test is None:
        return split, None
    about, expected = test.description, split.description
    if (about.shape, about.class_names) != (expected.shape, expected.class_names):
        raise InputError(
            f"{options.data}/test: its image shape or classes are not those of the training "
            "images; import both in one go"
        )
    return split, test


def _start(
    name: str,
    split: Split,
    test: Split | None,
    options: TrainOptions,
    progress: Progress,
    stack: ExitStack,
) -> Engine:
    if name == "local":
        return LocalEngine(split, test, options.threads or available_cores(), progress)
    # Imported here: the local engine works where there is no pyspark.
    from ridge_spark.engines.inner import InnerEngine
    from ridge_spark.engines.outer import OuterEngine
    from ridge_spark.engines.spark_session import spark_context

    with progress.stage("spark"):
        sc = stack.enter_context(spark_context(f"ridge-spark {name}"))
    engine = {"inner": InnerEngine, "outer": OuterEngine}[name]
    return engine(sc, split, test, options.partitions, progress)
