"""Folders of large temporary files, which not even a process that is killed leaves for ever."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "ridge-spark-scratch-"
LOCK = "lock"

log = logging.getLogger(__name__)


class Scratch:
    """A folder in the temporary directory that is removed when it is closed, or by the next one.

    Its owner holds a lock on a file in it, which the system lets go of however the owner ends.
    Whoever makes a folder first removes those that nobody holds any more: process numbers, which
    containers repeat, play no part in it.
    """

    def __init__(self) -> None:
        sweep()
        self.path, self.held = Path(tempfile.mkdtemp(prefix=PREFIX)), -1
        with suppress(OSError):  # a file system without locks: then it is as any temporary folder
            self._hold()

    def _hold(self) -> None:
        """Lock the file first, then give it its name: nobody ever finds it there and free."""
        unnamed = self.path / f"{LOCK}.new"
        self.held = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.held, fcntl.LOCK_EX)
        unnamed.rename(self.path / LOCK)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        held, self.held = self.held, -1
        if held >= 0:
            os.close(held)


def sweep() -> None:
    """Remove the folders of owners that have ended without."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # of someone else, gone by now, or not held by a lock at all
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                log.warning("%s: left by a run that was killed; removed", folder)
            finally:
                os.close(lock)
