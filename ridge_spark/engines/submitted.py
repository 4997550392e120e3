"""What a job that `spark-submit` started does differently from a command."""

from __future__ import annotations

import io
import os
import sys


class _StandardErrorOfTheJvm(io.TextIOBase):
    """Writes to standard error of the JVM, which is that of `spark-submit`."""

    def __init__(self) -> None:
        from pyspark import SparkContext

        SparkContext._ensure_initialized()
        self._stream = SparkContext._jvm.System.err  # type: ignore[union-attr]

    def write(self, text: str) -> int:
        try:
            self._stream.print(text)
        except Exception:  # the JVM is gone, as it is after Ctrl-C: any way out is better than none
            sys.__stdout__.write(text)  # type: ignore[union-attr]
        return len(text)


def keep_standard_error_apart() -> None:
    """Send progress and errors to the standard error of `spark-submit`.

    It merges both streams of a Python driver into its own standard output, where only the result
    belongs.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        sys.stderr = _StandardErrorOfTheJvm()
