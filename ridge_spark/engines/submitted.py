"""What a job that `spark-submit` started does differently from a command."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO


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


def keep_standard_error_apart() -> None:
    """Send progress and errors to the standard error of `spark-submit`.

    It merges both streams of a Python driver into its own standard output, where only the result
    belongs.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        sys.stderr = _StandardErrorOfTheJvm()
