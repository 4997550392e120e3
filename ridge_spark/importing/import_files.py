"""An import of image files by the engine of a name: the cores of this machine, or Spark tasks."""

from __future__ import annotations

from collections.abc import Mapping

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Description
from ridge_spark.importing.options import ImportOptions
from ridge_spark.importing.parts import ShareOut, Task, import_encoded
from ridge_spark.importing.report import Report
from ridge_spark.importing.sources import Source
from ridge_spark.importing.workers import run_shares
from ridge_spark.progress import Progress

FEWEST_OF_A_WORKER = 250  # images; for fewer, starting another process takes longer than it saves


def import_files(
    engine: str,
    uri: str,
    splits: Mapping[str, Source],
    options: ImportOptions,
    like: Description | None,
    *,
    workers: int | None,
    partitions: int | None,
    progress: Progress,
) -> Report:
    """Write the data set `uri`; every engine writes the same rows in the same order."""
    if engine == "spark":
        # Imported here: importing locally works where there is no pyspark.
        from ridge_spark.importing.spark_import import import_on_spark

        return import_on_spark(uri, splits, options, like, partitions, progress)

    images = sum(len(source.labels) for source in splits.values())
    crew = max(1, min(workers or available_cores(), images // FEWEST_OF_A_WORKER))

    def in_processes(task: Task, share_out: ShareOut) -> list[Report]:
        with progress.stage("import", images) as advance:
            return run_shares(task, share_out(crew, FEWEST_OF_A_WORKER), crew, advance)

    return import_encoded(uri, splits, options, like, in_processes)
