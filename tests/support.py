"""Helpers of the tests: images to classify, and what a command that fails must look like."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]

SMALL_SHAPE = (6, 5, 1)  # of the images of the `small_data` fixture
SMALL_NAMES = ("ant", "bee", "cat")

# For JVMs that live for seconds: compiling at length what they run costs more than it gains them.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
JAVA = dict.fromkeys(
    ("SPARK_SUBMIT_OPTS", "SPARK_LAUNCHER_OPTS", "SPARK_DAEMON_JAVA_OPTS"), SHORT_LIVED
)

HANGS = 900.0  # seconds that only a process takes that hangs, however busy the machine

Command = Callable[..., subprocess.CompletedProcess[str]]


def draw_images(
    n: int, d: int, classes: int, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (n, d) around a random image for each class, blurred by noise, and their labels."""
    typical = np.random.default_rng(99).integers(0, 256, (classes, d))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    noisy = typical[labels] + rng.normal(0, 90, (n, d))
    return noisy.clip(0, 255).astype(np.uint8), labels


def idx(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an IDX file that holds `array`."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def assert_refused(done: subprocess.CompletedProcess[str], *named: object, status: int = 2) -> None:
    """The command failed with one line of error, which contains all that is `named`."""
    assert done.returncode == status, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("ridge-spark: error: ")]
    assert len(errors) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == errors[0], done.stderr
    assert "Traceback" not in done.stderr
    for name in named:
        assert str(name) in errors[0]


def call_main(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What the command `ridge-spark` does and says, in this process: sooner than in one of its own.

    What is no error of ours comes out as it is.
    """
    from ridge_spark.cli import main

    out, error = io.StringIO(), io.StringIO()
    given = [str(each) for each in arguments]
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with redirect_stdout(out), redirect_stderr(error):
            main(given)
    except SystemExit as done:
        status = int(done.code or 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(given, status, out.getvalue(), error.getvalue())


def run_command(*arguments: object, cwd: Path, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ridge_spark", *map(str, arguments)],
        cwd=cwd, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(home), **JAVA},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def alone_at(path: Path) -> Iterator[None]:
    """Only one process of the tests at a time is in here: to make what all of them share there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def give_up(reason: str) -> NoReturn:
    """Skip a test for want of a program; where CI is set, which has to have it, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
