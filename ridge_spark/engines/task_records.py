"""A light record of each Spark task: who did it, from when to when, with how much memory."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from pyspark import AccumulatorParam

from ridge_spark.engines.memory import peak_rss_mb
from ridge_spark.engines.signals import unless_interrupted
from ridge_spark.progress import Task


def recorded(task: Callable[[Any], Any], stage: str, records: Any, item: Any) -> Any:
    """Do `task` and note who did it, from when to when."""
    start = time.time()
    done = unless_interrupted(task, item)
    worker = f"{socket.gethostname()}/{os.getpid()}"
    records.add([Task(stage, worker, start, time.time(), peak_rss_mb())])
    return done


class Records(AccumulatorParam[list[Task]]):
    """An accumulator that keeps every record it is given."""

    def zero(self, value: list[Task]) -> list[Task]:
        return []

    def addInPlace(self, value1: list[Task], value2: list[Task]) -> list[Task]:  # noqa: N802 - Spark's name
        return value1 + value2
