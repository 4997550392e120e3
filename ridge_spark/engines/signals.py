"""Ctrl-C and SIGTERM where Spark is at work: held back while it starts, never its own business."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM reach this process when the block is left, and meet what met them before.

    Spark takes Ctrl-C for itself when it has started, and then talks to its JVM from within the
    handler, in the middle of what is being said to it already.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for each in came:
            os.kill(os.getpid(), each)


def unless_interrupted(task: Callable[[Any], Any], item: Any) -> Any:
    """In a worker: do `task`, and leave Ctrl-C to the driver, which ends the workers as well.

    A terminal sends it to every process there is, and each would tell of where it was struck.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return task(item)
