"""An import of image files by the engine of a name: the cores of this machine, or Spark tasks."""

from __future__ import annotations

from collections.abc import Mapping

from ridge_spark.data.dataset import Description
from ridge_spark.data.import_options import ImportOptions
from ridge_spark.data.importing import Report, import_encoded
from ridge_spark.data.sources import Source
from ridge_spark.engines.options import available_cores
from ridge_spark.engines.progress import Progress


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
    total = sum(len(source.labels) for source in splits.values())
    if engine == "local":
        with progress.stage("import", total) as advance:
            return import_encoded(uri, splits, options, workers or available_cores(), advance, like)
    # Imported here: importing locally works where there is no pyspark.
    from ridge_spark.engines.spark_import import import_on_spark

    return import_on_spark(uri, splits, options, like, partitions, progress)
