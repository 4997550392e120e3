"""Asking a run to save what it has and end: SIGUSR1 and SIGTERM."""

from __future__ import annotations

import signal
from types import FrameType

TRY_AGAIN = 75  # the exit status EX_TEMPFAIL of sysexits.h


class Stopped(Exception):  # noqa: N818 - nothing has gone wrong
    """The run ends early, with its statistics saved."""


class StopRequest:
    """Whether one of the signals has come. Engines look between blocks; nothing is cut short."""

    def __init__(self) -> None:
        self.received: str | None = None
        for number in (signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
