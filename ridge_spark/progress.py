"""What stage a run is in, how far it is and how long it takes: for a terminal and for a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from ridge_spark.printable import printable

LOG_EVERY_SECONDS = 10.0
CLEAR_LINE = "\r\x1b[K"

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Stage:
    """A stage of the run; `start` and `end` in seconds since the run began."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Task:
    """What one worker did for a stage; `start` and `end` in seconds since the epoch."""

    stage: str
    worker: str  # host/process
    start: float
    end: float
    peak_rss_mb: float  # of the worker so far


class Progress:
    """Reports stages on standard error, and keeps when they and the tasks of workers ran.

    Each gets a line when a stage has ended. Before that a terminal has a bar, or only the name of a
    stage whose length is not known, and a log has a line every ten seconds.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.began = time.time()
        self.started = time.perf_counter()
        self.stages: list[Stage] = []
        self.tasks: list[Task] = []
        self._together = False

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent in each stage, in the order in which they began."""
        spent: dict[str, float] = {}
        for stage in sorted(self.stages, key=lambda stage: stage.start):
            spent[stage.name] = spent.get(stage.name, 0.0) + stage.end - stage.start
        return spent

    @property
    def total(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @contextmanager
    def stage(self, name: str, total: int = 0, unit: str = "images") -> Iterator[Advance]:
        """Time what happens inside; it calls the function it is given as the work advances."""
        if self._together:
            yield lambda amount: None
            return
        start = self.total
        report = _log
        if self.stream.isatty() and not self.quiet:
            report = _bar if total else _name
        with report(self, name, total, unit) as advance:
            yield advance
        self.stages.append(Stage(name, start, self.total))
        amount = f" {total:,} {unit}" if total else ""
        self.say(f"{name}:{amount} in {self.total - start:.2f} s")

    @contextmanager
    def together(self, name: str) -> Iterator[None]:
        """Time what happens inside as one stage, whatever stages are in it."""
        with self.stage(name):
            self._together = True
            try:
                yield
            finally:
                self._together = False

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        if not self.quiet:
            print(printable(text), file=self.stream, flush=True)


@contextmanager
def _bar(progress: Progress, name: str, total: int, unit: str) -> Iterator[Advance]:
    from tqdm import tqdm  # a log needs none of it

    look = (
        f"{name}: {{percentage:3.0f}}% |{{bar}}| {{n:,}} of {{total:,}} {unit}, {{remaining}} left"
    )
    with tqdm(
        total=total,
        bar_format=look,
        file=progress.stream,
        leave=False,
        dynamic_ncols=True,
    ) as bar:
        yield bar.update
        bar.refresh()  # it may not have been drawn since the last of the work


@contextmanager
def _name(progress: Progress, name: str, total: int, unit: str) -> Iterator[Advance]:
    progress.stream.write(f"{name} ...")
    progress.stream.flush()
    try:
        yield lambda amount: None
    finally:
        progress.stream.write(CLEAR_LINE)
        progress.stream.flush()


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
