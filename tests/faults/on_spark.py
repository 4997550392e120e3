"""Spark loses, repeats and doubles tasks: the statistics are the same bits, files count once."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

import pyarrow.parquet as pq

from tests.faults.killed import killed_and_run_again, same_data, training
from tests.faults.promise import (
    Came,
    Fault,
    World,
    after,
    finish,
    kill_all,
    those_of,
)

# Two executors that are processes of their own, each with a core and a gigabyte.
CLUSTER = "--master local-cluster[2,1,1024] --driver-memory 1g --executor-memory 1g"
BEGIN, SECONDS = 3.0, 6.0  # from then on executors are there, for so long
EXECUTOR = ("CoarseGrainedExecutorBackend",)
WORKER = ("pyspark.daemon",)


def on_cluster(*conf: str) -> dict[str, str]:
    more = "".join(f" --conf {each}" for each in conf)
    return {"PYSPARK_SUBMIT_ARGS": f"{CLUSTER}{more} pyspark-shell"}


def _start(world: World, engine: str, out: Path, *conf: str) -> subprocess.Popen[str]:
    return world.start(*training(world, out, "--engine", engine), **on_cluster(*conf))


def struck(world: World, rng: Random, engine: str, words: tuple[str, ...], number: int) -> Came:
    """One of the processes with these words in their command gets a signal, at any time."""
    out = world.new("run")
    process = _start(world, engine, out)
    if after(process, rng.uniform(BEGIN, BEGIN + SECONDS)):
        found = those_of(process.pid, words)
        if found:
            victim = rng.choice(found)
            with suppress(ProcessLookupError):
                os.kill(victim, number)
            if number == signal.SIGSTOP:
                after(process, rng.uniform(0.5, 3))
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGCONT)
    came = world.judged(finish(process), out)
    if came is Came.CLEAR:  # Spark does again what was lost: one death is no reason to fail
        world.told.append("one death ended the training")
        return Came.LOST
    return came


def an_executor(world: World, rng: Random) -> Came:
    return struck(world, rng, rng.choice(("outer", "inner")), EXECUTOR, signal.SIGKILL)


def a_worker(world: World, rng: Random) -> Came:
    return struck(world, rng, rng.choice(("outer", "inner")), WORKER, signal.SIGKILL)


def a_frozen_worker(world: World, rng: Random) -> Came:
    return struck(world, rng, rng.choice(("outer", "inner")), WORKER, signal.SIGSTOP)


def the_driver(world: World, rng: Random) -> Came:
    """All of it is killed (kill -9), then run again; copies of the images are not left behind."""
    out = world.new("run")
    engine = rng.choice(("outer", "inner"))
    command = training(world, out, "--engine", engine)
    came = killed_and_run_again(world, rng, out, command, BEGIN + 2)
    left = list(world.folder.glob("ridge-spark-scratch-*"))
    if left and came is Came.SAME and any(world.folder.glob(f"{out.name}/result.json")):
        world.told.append(f"left behind: {left}")
        return Came.LOST
    return came


def ctrl_c(world: World, rng: Random) -> Came:
    """One line, status 130, nothing left; of the terminal's processes, all get it."""
    out = world.new("run")
    process = world.start(*training(world, out, "--engine", rng.choice(("outer", "inner"))))
    if after(process, rng.uniform(1, BEGIN + 3)):
        kill_all(process, signal.SIGINT)
    ended = finish(process)
    if ended.status == 0:
        return world.judged(ended, out)
    left = [*world.folder.glob("ridge-spark-scratch-*"), *world.folder.glob(f"{out.name}*")]
    fine = ended.status in (130, -signal.SIGINT) and ended.is_clear and not left
    if not fine:
        world.told.append(f"{ended}; left {left}")
    return Came.CLEAR if fine else Came.WRONG


SPECULATION = (
    "spark.speculation=true", "spark.speculation.interval=100ms",
    "spark.speculation.multiplier=1", "spark.speculation.quantile=0.1",
    "spark.speculation.minTaskRuntime=50ms",
)  # fmt: skip


def _doubled(world: World, rng: Random, command: tuple[object, ...]) -> int:
    """A worker is frozen until another has been given its task too; both then end."""
    process = world.start(*command, **on_cluster(*SPECULATION))
    if after(process, rng.uniform(BEGIN, BEGIN + 3)):
        for victim in those_of(process.pid, WORKER)[-1:]:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGSTOP)
                after(process, 1.5)
                os.kill(victim, signal.SIGCONT)
    ended = finish(process)
    if ended.status:
        world.told.append(ended.error[-1500:])
    return ended.status


def a_doubled_import(world: World, rng: Random) -> Came:
    out = world.new("imported")
    command = ("ridge_spark", "import", "--engine", "spark", "folder", world.folder / "pictures",
               "--out", out, "--partitions", 8)  # fmt: skip
    if _doubled(world, rng, command):
        return Came.LOST
    expected = world.folder / "pictures-by-spark"
    if not expected.exists():
        ended = world.run(*command[:-4], "--out", expected, "--partitions", 8)
        assert ended.status == 0, ended.error
    return same_data(out, expected)


def doubled_predictions(world: World, rng: Random) -> Came:
    out = world.new("predicted")
    command = ("ridge_spark", "predict", "--engine", "spark", "--model",
               world.folder / "reference", world.data, "--partitions", 8, "--out")  # fmt: skip
    if _doubled(world, rng, (*command, out)):
        return Came.LOST
    expected = world.folder / "predicted-by-spark"
    if not expected.exists():
        ended = world.run(*command, expected)
        assert ended.status == 0, ended.error
    tables = [pq.read_table(folder) for folder in (out, expected)]
    return Came.SAME if tables[0].equals(tables[1]) else Came.WRONG


def the_jvm(world: World, rng: Random) -> Came:
    """Spark itself is killed: one line; nothing at --out; and it can be run again."""
    out = world.new("run")
    process = world.start(*training(world, out, "--engine", rng.choice(("outer", "inner"))))
    if after(process, rng.uniform(BEGIN - 1, BEGIN + 2)):
        for pid in those_of(process.pid, ("SparkSubmit",)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return world.judged(finish(process), out)


Row = partial(Fault, "Spark's own repetitions")
FAULTS = (
    Row("an executor killed (kill -9)", an_executor, 20),
    Row("a Python worker killed (kill -9)", a_worker, 20),
    Row("a Python worker frozen for a while", a_frozen_worker, 20),
    Row("two attempts of an import's tasks", a_doubled_import, 20),
    Row("two attempts of tasks that predict", doubled_predictions, 20),
    Row("driver, JVM and workers killed (kill -9), then run again", the_driver, 20),
    Row("the JVM killed (kill -9)", the_jvm, 10),
    Row("Ctrl-C under Spark", ctrl_c, 10),
)
