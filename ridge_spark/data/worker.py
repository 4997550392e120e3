"""What the processes of an import do besides decoding; apart, since they should load little."""

from __future__ import annotations

import multiprocessing
import os
from threading import Thread


def end_with_the_parent() -> None:
    """The parent ends its workers, unless it is killed itself: then they end here."""
    Thread(target=_await_the_parent, daemon=True).start()


def _await_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
