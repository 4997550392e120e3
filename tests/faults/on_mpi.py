"""Under MPI: a rank that is killed ends all, and what was saved until then is taken up again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

from tests.faults.promise import Came, Fault, World, after, finish, kill_all, those_of
from tests.faults.stored import cut, flip

SECONDS = 4.0


def _command(world: World, rng: Random, out: Path) -> list[str]:
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
    options = ["--lambdas", "1,600,10000", "--no-report", "--checkpoint", "0", "--threads", "1"]
    mode = rng.choice(("data", "model"))
    return [launcher, "-n", str(rng.choice((2, 3))), sys.executable, "-m", "mpi_hybrid", mode,
            "--data", str(world.data), "--out", str(out), *options]  # fmt: skip


def _strike(world: World, rng: Random, out: Path) -> None:
    process = world.start_process(_command(world, rng, out))
    if after(process, rng.uniform(0.5, SECONDS)):
        ranks = those_of(process.pid, ("mpi_hybrid", "--out"))
        with suppress(ProcessLookupError, IndexError):
            os.kill(rng.choice(ranks), signal.SIGKILL)
    finish(process, within=40)
    kill_all(process)


def _again(world: World, rng: Random, out: Path) -> Came:
    if out.exists():
        return Came.SAME if world.is_expected(out) else Came.WRONG
    return world.judged(finish(world.start_process(_command(world, rng, out))), out)


def a_rank(world: World, rng: Random) -> Came:
    """kill -9 of a rank at any time; then again, in any mode, on any number of ranks."""
    out = world.new("run")
    _strike(world, rng, out)
    came = _again(world, rng, out)
    return Came.LOST if came is Came.CLEAR else came


def a_damaged_checkpoint(world: World, rng: Random) -> Came:
    """A rank is killed, and what was saved is damaged as well."""
    out = world.new("run")
    _strike(world, rng, out)
    files = sorted(out.with_name(f"{out.name}.checkpoint").glob("*.safetensors"))
    if files:
        rng.choice((flip, cut))(rng.choice(files), rng)
    return _again(world, rng, out)


Row = partial(Fault, "MPI")
FAULTS = (
    Row("a rank killed (kill -9), then run again on other ranks", a_rank, 10),
    Row("the same, and its checkpoint damaged", a_damaged_checkpoint, 10),
)
