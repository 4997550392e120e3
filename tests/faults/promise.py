"""The promise that faults are held against: the same bits, or one clear error; nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

from ridge_spark.runs.verification import verify_run
from tests.support import JAVA, ROOT

HASHES = ("statistics_sha256", "model_sha256", "best_lambda", "confusion")
TRAINING = ("--lambdas", "1,600,10000", "--no-report")
HANGS = 150.0  # seconds; whatever takes longer is counted as lost


class Came(Enum):
    """What a fault came to; WRONG and LOST break the promise, MISSED says nothing about it."""

    SAME = "same bits"
    CLEAR = "clear error"
    WRONG = "wrong"
    LOST = "lost"
    MISSED = "missed"

    def if_struck(self, struck: bool) -> Came:
        """A fault that came too late counts for nothing; an error without one is a loss."""
        return self if struck else {Came.SAME: Came.MISSED, Came.CLEAR: Came.LOST}.get(self, self)


@dataclass(frozen=True)
class Fault:
    """A row of the table: what is done to the program, and how long one try takes, roughly."""

    group: str
    name: str
    inject: Callable[[World, Random], Came]
    seconds: float


@dataclass
class Ended:
    """How a process ended."""

    status: int
    out: str
    error: str

    @property
    def is_clear(self) -> bool:
        """One line of error that a person can use, and no traceback of anybody's."""
        lines = re.findall(r"^(?:ridge-spark|mpi_hybrid): (?:error|interrupted|terminated).*",
                           self.error, re.MULTILINE)  # fmt: skip
        return self.status != 0 and len(lines) == 1 and "Traceback" not in self.out + self.error


@dataclass
class World:
    """Where faults are tried: a folder, a data set, and what a run on it comes to by itself."""

    folder: Path
    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    others: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)  # by options
    number: int = 0
    told: list[str] = field(default_factory=list)  # of tries that broke the promise

    def new(self, name: str) -> Path:
        """A path that nothing is at."""
        self.number += 1
        return self.folder / f"{name}-{self.number}"

    def start(self, *command: object, **environment: str) -> subprocess.Popen[str]:
        """The program, as a process with a session of its own."""
        return self.start_process([sys.executable, "-m", *map(str, command)], **environment)

    def start_process(
        self,
        command: Sequence[str],
        prepare: Callable[[], None] | None = None,
        **environment: str,
    ) -> subprocess.Popen[str]:
        """Any process; `prepare` is called in it first."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        return subprocess.Popen(
            command,
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**kept, **JAVA, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder),
                 **self.environment, **environment},
            start_new_session=True, preexec_fn=prepare,  # noqa: PLW1509
        )  # fmt: skip

    def run(self, *command: object, **environment: str) -> Ended:
        return finish(self.start(*command, **environment))

    def judged(self, ended: Ended, out: Path, options: tuple[str, ...] = ()) -> Came:
        """What a training, with options of its own, came to, which may have written to `out`."""
        if ended.status == 0:
            came = Came.SAME if self.is_expected(out, options) else Came.WRONG
        elif out.exists():  # it said that it failed
            came = Came.WRONG
        else:
            came = Came.CLEAR if ended.is_clear else Came.WRONG
        if came is Came.WRONG:
            self.told.append(f"{ended.status}: {ended.error[-1500:]} {ended.out[-500:]}")
        return came

    def is_expected(self, out: Path, options: tuple[str, ...] = ()) -> bool:
        verify_run(str(out))
        return found_in(out) == (self._undisturbed(options) if options else self.expected)

    def _undisturbed(self, options: tuple[str, ...]) -> dict[str, Any]:
        """What a training with these options comes to by itself, on this machine's threads."""
        if options not in self.others:
            out = self.new("undisturbed")
            command = ("ridge_spark", "train", "--data", self.data, "--out", out, *TRAINING)
            ended = self.run(*command, *options)
            assert ended.status == 0, ended.error
            self.others[options] = found_in(out)
        return self.others[options]


def found_in(run: Path) -> dict[str, Any]:
    result = json.loads((run / "result.json").read_text("utf-8"))
    return {key: result[key] for key in HASHES}


def finish(process: subprocess.Popen[str], within: float = HANGS) -> Ended:
    """Wait for a process; one that hangs is killed, with all that it has started."""
    try:
        out, error = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        kill_all(process)
        out, error = process.communicate()
        return Ended(-999, out, error + "\nit hung")
    return Ended(process.returncode, out, error)


def kill_all(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Send a signal to all processes of the session that `process` began."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
    process.poll()


def after(process: subprocess.Popen[str], seconds: float) -> bool:
    """Wait that long; False if the process has ended by then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        time.sleep(0.01)
    return True


def descendants(pid: int) -> list[int]:
    """The processes that one has started, and those they have, from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        mine = children.get(todo.pop(), [])
        found += mine
        todo += mine
    return found


def those_of(pid: int, words: Sequence[str]) -> list[int]:
    """The descendants whose command line has all these words in it."""
    found = []
    for each in descendants(pid):
        with suppress(OSError):
            line = Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if all(word in line for word in words):
                found.append(each)
    return found
