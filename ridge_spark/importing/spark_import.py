"""An import as a Spark job: every task imports a share of the images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ridge_spark.data.dataset import Description
from ridge_spark.engines.signals import unless_interrupted
from ridge_spark.engines.spark_session import spark_context, watch
from ridge_spark.importing.options import ImportOptions
from ridge_spark.importing.parts import ShareOut, Task, import_encoded
from ridge_spark.importing.report import Report
from ridge_spark.importing.sources import Source
from ridge_spark.progress import Progress


def import_on_spark(
    uri: str,
    splits: Mapping[str, Source],
    options: ImportOptions,
    like: Description | None,
    partitions: int | None,
    progress: Progress,
) -> Report:
    """Write the data set `uri`; its rows are those a local import writes, in the same order."""

    def in_tasks(task: Task, share_out: ShareOut) -> list[Report]:
        with spark_context("ridge-spark import") as sc:
            shares = list(share_out(partitions or sc.defaultParallelism, 1))
            with (
                progress.stage("import", len(shares), "tasks") as advance,
                watch(sc, advance, len(shares)),
            ):
                done = sc.parallelize(shares, len(shares)).map(partial(unless_interrupted, task))
                return done.collect()

    return import_encoded(uri, splits, options, like, in_tasks)
