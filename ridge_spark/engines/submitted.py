"""What a job that `spark-submit` started does differently from a command."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

# Of spark-submit's settings, those that say where and how large; others may hold secrets.
OPTIONS = {
    "spark.master": "--master",
    "spark.submit.deployMode": "--deploy-mode",
    "spark.submit.pyFiles": "--py-files",
    "spark.driver.memory": "--driver-memory",
    "spark.executor.memory": "--executor-memory",
    "spark.executor.cores": "--executor-cores",
    "spark.executor.instances": "--num-executors",
}


class _StandardErrorOfTheJvm(io.TextIOBase):
    """Writes to standard error of the JVM, which is that of `spark-submit`.

    Once the JVM is gone, as it is after Ctrl-C, it writes there by itself, where it is let.
    """

    def __init__(self) -> None:
        from pyspark import SparkContext

        SparkContext._ensure_initialized()
        self._stream = SparkContext._jvm.System.err  # type: ignore[union-attr]
        self._itself: TextIO | None = sys.__stdout__
        with suppress(OSError):  # Linux: the files that the JVM, our parent, has open
            self._itself = Path(f"/proc/{os.getppid()}/fd/2").open("a", encoding="utf-8")  # noqa: SIM115

    def write(self, text: str) -> int:
        try:
            self._stream.print(text)
        except Exception:
            with suppress(OSError):  # any way out is better than none
                print(text, end="", file=self._itself, flush=True)
        return len(text)


def is_submitted() -> bool:
    """Whether `spark-submit` has started this process."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def submit_command(arguments: Sequence[str]) -> str:
    """The `spark-submit` command that starts this job with these arguments again."""
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()
    conf = SparkConf()
    settings = [word for name, option in OPTIONS.items() if (value := conf.get(name))
                for word in (option, value)]  # fmt: skip
    words = list(arguments)
    if "--engine" in words:  # which the job has added
        place = words.index("--engine")
        del words[place : place + 2]
    return shlex.join(["spark-submit", *settings, sys.argv[0], *words])


def keep_standard_error_apart() -> None:
    """Send progress and errors to the standard error of `spark-submit`.

    It merges both streams of a Python driver into its own standard output, where only the result
    belongs.
    """
    if is_submitted():
        sys.stderr = _StandardErrorOfTheJvm()
