"""Faults within Spark's tasks: a Python daemon for its workers, whose tasks strike themselves.

    --conf spark.python.daemon.module=tests.faults.strikes --conf spark.executorEnv.STRIKES=FOLDER

The program under test is as it is; only its workers come from here. `FOLDER/plan.json` says which
task strikes, and how; the file `FOLDER/struck` is there as soon as it has. So a try knows whether
its fault has met a task at work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyspark.worker
from pyspark import TaskContext
from pyspark.daemon import manager

VARIABLE = "STRIKES"
LONGEST = 60.0  # seconds that a task waits for what is to come to it

Function = Callable[[int, Iterator[Any]], Any]


@dataclass(frozen=True)
class Strike:
    """What a task does to itself at its beginning; kills come `delay` later, or at its end.

    `how`: "worker" and "executor" kill (kill -9), "freeze" for `seconds`, or for good where that
    is 0; "fail" and "die" in each of the first three attempts; "meet" waits until two attempts of
    the task are at work; "hold" until the file `go` is there.
    """

    how: str
    stage: int
    partition: int
    delay: float = 0.0
    seconds: float = 0.0

    def write(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "plan.json").write_text(json.dumps(asdict(self)))


def struck(folder: Path) -> bool:
    """Whether the strike of `folder` has met its task."""
    return (folder / "struck").exists()


def tasks_seen(folder: Path) -> list[tuple[int, int]]:
    """(stage, partition) of the tasks that there were, of a run without a plan."""
    names = (path.name.split("-") for path in folder.glob("task-*"))
    return sorted((int(stage), int(partition)) for _, stage, partition in names)


def _mark(folder: Path, name: str = "struck") -> bool:
    """Make a file; False where another task, or another attempt of this one, has."""
    with suppress(FileExistsError):
        os.close(os.open(folder / name, os.O_CREAT | os.O_EXCL))
        return True
    return False


def _wait_for(*paths: Path) -> bool:
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        if all(path.exists() for path in paths):
            return True
        time.sleep(0.01)
    return False


def _kill(executor: bool) -> None:
    pid = os.getpid()
    if executor:  # the parent of the daemon, of which this worker is a child
        pid = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(pid, signal.SIGKILL)
    threading.Event().wait(LONGEST)  # an executor takes its workers with it


def _freeze(seconds: float) -> None:
    if seconds:
        wake = f"sleep {seconds}; kill -CONT {os.getpid()}"
        subprocess.Popen(["sh", "-c", wake], start_new_session=True)
    os.kill(os.getpid(), signal.SIGSTOP)


def _strike(plan: Strike, folder: Path, attempt: int) -> threading.Thread | None:
    """Do what the plan says; of a kill that comes later, returns what does it."""
    if plan.how in ("worker", "executor"):

        def kill() -> None:
            time.sleep(plan.delay)
            if _mark(folder):
                _kill(plan.how == "executor")

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        if plan.delay:
            return killer
        killer.join()
    elif plan.how == "freeze" and _mark(folder):
        _freeze(plan.seconds)
    elif plan.how in ("fail", "die") and attempt < 3:
        if attempt == 2:
            _mark(folder)
        if plan.how == "die":
            _kill(executor=False)
        raise RuntimeError("on purpose")
    elif plan.how == "meet":
        _mark(folder, f"attempt-{attempt}")
        if _wait_for(folder / "attempt-0", folder / "attempt-1"):
            _mark(folder)
    elif plan.how == "hold":
        _mark(folder)
        _wait_for(folder / "go")
    return None


def _struck_by_itself(task: Function) -> Function:
    def run(split: int, iterator: Iterator[Any]) -> Iterator[Any]:
        folder, context = Path(os.environ[VARIABLE]), TaskContext.get()
        assert context is not None
        where, killer = (context.stageId(), context.partitionId()), None
        path = folder / "plan.json"
        if not path.exists():
            _mark(folder, f"task-{where[0]}-{where[1]}")
        else:
            plan = Strike(**json.loads(path.read_text()))
            if (plan.stage, plan.partition) == where:
                killer = _strike(plan, folder, context.attemptNumber())
        yield from task(split, iterator)
        if killer:  # at the very end of the task, if that comes first
            killer.join()

    return run


def _replace(name: str) -> None:
    """Have what reads the tasks that Spark sends return such as strike."""
    read = getattr(pyspark.worker, name)

    def read_striking(*arguments: Any) -> Any:
        task, *others = read(*arguments)
        of_a_task = len(others) == 3  # and not of one function of many
        return (_struck_by_itself(task) if of_a_task else task), *others

    setattr(pyspark.worker, name, read_striking)


if __name__ == "__main__":
    with suppress(Exception):
        import ridge_spark.engines.outer  # noqa: F401 - as the daemon of the program does
    if VARIABLE in os.environ:
        _replace("read_command")
        _replace("read_udfs")
    manager()
