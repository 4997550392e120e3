"""Spark loses, repeats and doubles tasks: the statistics are the same bits, files count once."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pyarrow.parquet as pq

from tests.faults import strikes
from tests.faults.killed import same_data, training
from tests.faults.promise import Came, Ended, Fault, World, after, finish, kill_all, those_of
from tests.faults.strikes import Strike
from tests.support import ROOT, SHORT_LIVED

GIGABYTES = "--driver-memory 1g --executor-memory 1g"
SPECULATION = (
    "spark.speculation=true", "spark.speculation.interval=100ms",
    "spark.speculation.multiplier=1", "spark.speculation.quantile=0.1",
    "spark.speculation.minTaskRuntime=50ms", "spark.speculation.task.duration.threshold=1s",
)  # fmt: skip
EVERYWHERE = (
    f"spark.executorEnv.PYTHONPATH={ROOT}",
    "spark.python.daemon.module=tests.faults.strikes",
    f"spark.executor.extraJavaOptions={SHORT_LIVED}",
)


@dataclass(frozen=True)
class Place:
    """Where Spark's tasks are, by the options that it is started with."""

    name: str
    options: str

    def environment(self, folder: Path, *conf: str) -> dict[str, str]:
        """Of a program whose tasks strike as the plan in `folder` says."""
        settings = (*EVERYWHERE, f"spark.executorEnv.{strikes.VARIABLE}={folder}", *conf)
        more = " ".join(f"--conf {shlex.quote(each)}" for each in settings)
        return {
            "PYSPARK_SUBMIT_ARGS": f"{self.options} {more} pyspark-shell",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }


HERE = Place("local[2]", "--master local[2] --driver-memory 1g")
# Two executors that are processes of their own, each with a core and a gigabyte.
CLUSTER = Place("local-cluster", f"--master local-cluster[2,1,1024] {GIGABYTES}")


def standalone(master: str) -> Place:
    """The cluster of that master, whose two workers pass for two machines."""
    return Place("standalone", f"--master {master} {GIGABYTES} --executor-cores 1")


@dataclass(frozen=True)
class Job(ABC):
    """A command whose tasks are struck, and what it has to come to."""

    name: str

    @abstractmethod
    def command(self, world: World, out: Path) -> tuple[object, ...]:
        """What is run, its result to be in `out`."""

    @abstractmethod
    def judged(self, world: World, ended: Ended, out: Path) -> Came:
        """What came of it."""


@dataclass(frozen=True)
class Training(Job):
    options: tuple[str, ...] = ()

    def command(self, world: World, out: Path) -> tuple[object, ...]:
        return training(world, out, "--engine", self.name, *self.options)

    def judged(self, world: World, ended: Ended, out: Path) -> Came:
        return world.judged(ended, out, self.options)


class Importing(Job):
    def command(self, world: World, out: Path) -> tuple[object, ...]:
        return ("ridge_spark", "import", "--engine", "spark", "folder", world.folder / "pictures",
                "--out", out, "--partitions", 8)  # fmt: skip

    def judged(self, world: World, ended: Ended, out: Path) -> Came:
        return _as_undisturbed(self, world, ended, out) or same_data(out, _reference(self, world))


class Predicting(Job):
    def command(self, world: World, out: Path) -> tuple[object, ...]:
        return ("ridge_spark", "predict", "--engine", "spark", "--partitions", 8, "--model",
                world.folder / "reference", world.data, "--out", out)  # fmt: skip

    def judged(self, world: World, ended: Ended, out: Path) -> Came:
        failed = _as_undisturbed(self, world, ended, out)
        if failed:
            return failed
        tables = [pq.read_table(folder) for folder in (out, _reference(self, world))]
        return Came.SAME if tables[0].equals(tables[1]) else Came.WRONG


def _as_undisturbed(job: Job, world: World, ended: Ended, out: Path) -> Came | None:
    """What a job that failed came to; None if it did not."""
    if ended.status == 0:
        return None
    world.told.append(f"{job.name}: {ended.error[-1500:]}")
    return Came.CLEAR if ended.is_clear and not out.exists() else Came.WRONG


def _reference(job: Job, world: World) -> Path:
    """What it writes where nothing happens."""
    out = world.folder / f"undisturbed-{job.name}"
    if not out.exists():
        ended = world.run(*job.command(world, out))
        assert ended.status == 0, ended.error
    return out


# Sums of blocks, ranges of one file, (fold, λ) pairs, factorisations, pairs of XX', products.
TRAININGS: tuple[Job, ...] = (
    Training("outer"),
    Training("inner", ("--solver", "cholesky")),
    Training("outer", ("--side", "dual", "--limit", "2000")),
    Training("inner", ("--side", "operator")),
)
FILES: tuple[Job, ...] = (Importing("imported"), Predicting("predicted"))
TASKS: dict[tuple[Place, Job], list[tuple[int, int]]] = {}  # that a job has where it is undisturbed
TURNS: Counter[tuple[str, ...]] = Counter()


def _a_task(world: World, rng: Random, place: Place, job: Job) -> tuple[int, int]:
    """One of the tasks of a job, of any of its stages."""
    if (place, job) not in TASKS:
        folder, out = world.new("tasks"), world.new("undisturbed")
        folder.mkdir()
        ended = world.run(*job.command(world, out), **place.environment(folder))
        assert ended.status == 0, ended.error
        TASKS[place, job] = strikes.tasks_seen(folder)
        assert TASKS[place, job], "no task tells of itself"
    tasks = TASKS[place, job]
    stage = rng.choice(sorted({stage for stage, _ in tasks}))
    return rng.choice([task for task in tasks if task[0] == stage])


def _in_turn(jobs: tuple[Job, ...], *row: str) -> Job:
    TURNS[row] += 1
    return jobs[TURNS[row] % len(jobs)]


def struck(
    place: Place, how: str, jobs: tuple[Job, ...], conf: tuple[str, ...], world: World, rng: Random
) -> Came:
    """A task of any stage is struck, and Spark does it again: nothing else comes of it."""
    job, folder, out = _in_turn(jobs, place.name, how), world.new("strike"), world.new("run")
    delay, seconds = rng.choice((0.0, 0.0, rng.uniform(0, 0.5))), rng.uniform(0.5, 3)
    stays = how == "freeze" and bool(conf)  # another attempt of the task is started then
    plan = Strike(how, *_a_task(world, rng, place, job), delay, 0 if stays else seconds)
    plan.write(folder)
    process = world.start(*job.command(world, out), **place.environment(folder, *conf))
    came = job.judged(world, finish(process), out)
    if came is Came.CLEAR:
        world.told.append(f"{job}: {plan} ended it")
        return Came.LOST
    if came is Came.WRONG:
        world.told.append(f"{job}: {plan}")
    return came.if_struck(strikes.struck(folder))


def _held(
    world: World, rng: Random, places: tuple[Place, ...], out: Path
) -> tuple[subprocess.Popen[str], Job]:
    """A training that waits in a task of any of its stages; or in one that is the driver's own."""
    place, job, folder = rng.choice(places), rng.choice(TRAININGS), world.new("strike")
    elsewhere = rng.random() < 0.3
    Strike("hold", *((-1, -1) if elsewhere else _a_task(world, rng, place, job))).write(folder)
    process = world.start(*job.command(world, out), **place.environment(folder))
    if elsewhere:
        after(process, rng.uniform(1, 6))
        return process, job
    while process.poll() is None and not strikes.struck(folder):
        after(process, 0.05)
    return process, job


def the_driver(places: tuple[Place, ...], world: World, rng: Random) -> Came:
    """kill -9, then run again to the same place; copies of the images are not left behind."""
    out = world.new("run")
    process, job = _held(world, rng, places, out)
    kill_all(process)
    finish(process)
    if out.exists():
        return job.judged(world, Ended(0, "", ""), out).if_struck(False)
    came = job.judged(world, world.run(*job.command(world, out)), out)
    left = list(world.folder.glob("ridge-spark-scratch-*"))
    if came is Came.CLEAR or (left and came is Came.SAME):
        world.told.append(f"{job}: left behind: {left}")
        return Came.LOST
    return came


def ctrl_c(places: tuple[Place, ...], world: World, rng: Random) -> Came:
    """One line, status 130, nothing left; of the terminal's processes, all get it."""
    out = world.new("run")
    process, job = _held(world, rng, places, out)
    kill_all(process, signal.SIGINT)
    ended = finish(process)
    if ended.status == 0:
        return job.judged(world, ended, out).if_struck(False)
    left = [*world.folder.glob("ridge-spark-scratch-*"), *world.folder.glob(f"{out.name}*")]
    fine = ended.status in (130, -signal.SIGINT) and ended.is_clear and not left
    if not fine:
        world.told.append(f"{job}: {ended}; left {left}")
    return Came.CLEAR if fine else Came.WRONG


def the_jvm(places: tuple[Place, ...], world: World, rng: Random) -> Came:
    """Spark itself is killed: one line; nothing at --out; and it can be run again."""
    out = world.new("run")
    process, job = _held(world, rng, places, out)
    found = those_of(process.pid, ("SparkSubmit",))
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ended = finish(process)
    return job.judged(world, ended, out).if_struck(bool(found) and ended.status != 0)


def faults(master: str) -> tuple[Fault, ...]:
    """`master`: the address of a standalone cluster with two workers."""
    own = standalone(master)
    both, kinds = (CLUSTER, own), {"executor": "an executor killed (kill -9)",
                                   "worker": "a Python worker killed (kill -9)",
                                   "freeze": "a Python worker frozen for a while",
                                   "fail": "a task that fails three times",
                                   "die": "a task whose worker dies three times"}  # fmt: skip
    row = partial(Fault, "Spark's own repetitions")
    return (
        *(
            row(f"{place.name}: {name}", partial(struck, place, how, TRAININGS, ()), 10)
            for place in both
            for how, name in kinds.items()
        ),
        row("standalone: a Python worker frozen for good, under speculation",
            partial(struck, own, "freeze", TRAININGS, SPECULATION), 10),
        row("standalone: two attempts of a training's task at once",
            partial(struck, own, "meet", TRAININGS, SPECULATION), 10),
        row("standalone: two attempts at once of a task that imports or predicts",
            partial(struck, own, "meet", FILES, SPECULATION), 10),
        row("standalone: a task that imports or predicts is killed, its worker or its executor",
            partial(struck_files, own), 10),
        row("the driver killed (kill -9) in any stage, then run again",
            partial(the_driver, (HERE, *both)), 20),
        row("the JVM killed (kill -9) in any stage", partial(the_jvm, (HERE, CLUSTER)), 10),
        row("Ctrl-C in any stage", partial(ctrl_c, (HERE, *both)), 10),
    )  # fmt: skip


def struck_files(place: Place, world: World, rng: Random) -> Came:
    return struck(place, rng.choice(("worker", "executor")), FILES, (), world, rng)
