"""What stage a run is in, how far it is and how long it takes: for a terminal and for a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

LOG_EVERY_SECONDS = 10.0

Advance = Callable[[int], None]


class Progress:
    """Reports stages on standard error and keeps their times in `seconds`.

    A terminal gets a bar. A log gets a line when a stage ends, and every ten seconds before that.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.started = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @property
    def total(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @contextmanager
    def stage(self, name: str, total: int = 0, unit: str = "images") -> Iterator[Advance]:
        """Time what happens inside; it calls the function it is given as the work advances."""
        start = time.perf_counter()
        report = _bar if self.stream.isatty() else _log
        with report(self, name, total, unit) as advance:
            yield advance
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        if not self.quiet:
            print(text, file=self.stream, flush=True)


@contextmanager
def _bar(progress: Progress, name: str, total: int, unit: str) -> Iterator[Advance]:
    with tqdm(
        desc=f"{name:<11}",
        total=total or None,
        unit=f" {unit}",
        unit_scale=True,
        file=progress.stream,
        disable=progress.quiet,
    ) as bar:
        yield bar.update


@contextmanager
def _log(progress: Progress, name: str, total: int, unit: str) -> Iterator[Advance]:
    start = last = time.perf_counter()
    done = 0

    def advance(amount: int) -> None:
        nonlocal last, done
        done += amount
        now = time.perf_counter()
        if now - last >= LOG_EVERY_SECONDS:
            last = now
            progress.say(f"{name}: {done:,} of {total:,} {unit} after {now - start:.0f} s")

    yield advance
    amount = f" {total:,} {unit}" if total else ""
    progress.say(f"{name}:{amount} in {time.perf_counter() - start:.2f} s")
