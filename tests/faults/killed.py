"""Whatever is killed can be run again to the same place, and comes to the same bits."""

from __future__ import annotations

import resource
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from random import Random

from ridge_spark.data.verification import verify
from ridge_spark.errors import InputError
from tests.faults.promise import TRAINING, Came, Fault, World, after, finish, kill_all

TRAIN = ("ridge_spark", "train", *TRAINING)
SECONDS = 2.0  # in which a training or an import has gone through all it does


def training(world: World, out: Path, *options: object) -> tuple[object, ...]:
    return (*TRAIN, "--data", world.data, "--out", out, *options)


def a_training(world: World, rng: Random) -> Came:
    """kill -9 at any time, then the same command once more."""
    out = world.new("run")
    return killed_and_run_again(world, rng, out, training(world, out), SECONDS)


def killed_and_run_again(
    world: World, rng: Random, out: Path, command: tuple[object, ...], seconds: float
) -> Came:
    process = world.start(*command)
    if after(process, rng.uniform(0, seconds)):
        kill_all(process)
    first = finish(process)
    if out.exists():  # all of it, or nothing
        return Came.MISSED if world.is_expected(out) else Came.WRONG
    came = world.judged(world.run(*command), out)
    if came is Came.CLEAR:
        world.told.append(f"after {first.status}, it can't be run again")
        return Came.LOST
    return came


def an_import(world: World, rng: Random) -> Came:
    """kill -9 of an import with processes of its own, then the same command once more."""
    out = world.new("imported")
    command = ("ridge_spark", "import", "folder", world.folder / "pictures", "--out", out,
               "--workers", 2)  # fmt: skip
    process = world.start(*command)
    if after(process, rng.uniform(0, SECONDS)):
        kill_all(process)
    finish(process)
    struck = not out.exists()
    if struck and world.run(*command).status != 0:
        return Came.LOST
    return same_data(out, world.folder / "pictures-data").if_struck(struck)


def same_data(out: Path, expected: Path) -> Came:
    """Whether a data set is, to the byte, the one that is expected."""
    try:
        verify(str(out))
    except InputError:
        return Came.WRONG
    files = [sorted(p.relative_to(f) for p in f.rglob("*.*")) for f in (out, expected)]
    same = files[0] == files[1] and all(
        (out / name).read_bytes() == (expected / name).read_bytes() for name in files[0]
    )
    return Came.SAME if same else Came.WRONG


def a_full_disk(world: World, rng: Random) -> Came:
    """No file may grow beyond some size: writing fails there, as on a full disk."""
    out = world.new("run")
    most = rng.randrange(200_000)

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    command = [sys.executable, "-m", *map(str, training(world, out))]
    ended = finish(world.start_process(command, small_files))
    for kept in world.folder.glob("ridge-spark-run-*"):
        shutil.rmtree(kept)
    return world.judged(ended, out).if_struck(ended.status != 0)


def ctrl_c(world: World, rng: Random) -> Came:
    """Ctrl-C at any time: one line, the status of a shell, nothing left."""
    out = world.new("run")
    process = world.start(*training(world, out))
    if after(process, rng.uniform(0.1, SECONDS)):
        kill_all(process, signal.SIGINT)
    ended = finish(process)
    if ended.status == 0 or out.exists():
        return world.judged(ended, out).if_struck(False)
    left = list(world.folder.glob(f"{out.name}.partial-*"))
    # Before the program has come as far as its own first line, Python itself tells of Ctrl-C.
    begun = "ridge-spark: error: interrupted" in ended.error
    fine = not left and (ended.status in (130, -signal.SIGINT) if begun else ended.status != 0)
    if not fine:
        world.told.append(f"{ended}; left {left}")
    return Came.CLEAR if fine else Came.WRONG


Row = partial(Fault, "What is killed is done again")
FAULTS = (
    Row("a training killed (kill -9), then run again", a_training, 5),
    Row("an import killed (kill -9), then run again", an_import, 5),
    Row("a disk that is full at some byte", a_full_disk, 2),
    Row("Ctrl-C", ctrl_c, 2),
)
