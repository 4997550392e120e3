"""Ending a run early: SIGUSR1 and SIGTERM to save what it has before, SIGINT to do so at once."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

TRY_AGAIN = 75  # the exit status EX_TEMPFAIL of sysexits.h


class Stopped(Exception):  # noqa: N818 - nothing has gone wrong
    """The run ends early, with its statistics saved."""


class StopRequest:
    """Whether one of the signals has come. Engines look between blocks; nothing is cut short."""

    def __init__(self) -> None:
        self.received: str | None = None
        for number in (signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, self._note)
        signal.signal(signal.SIGINT, _interrupt)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Once: Ctrl-C comes from the terminal and again from the launcher that passes it on."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
