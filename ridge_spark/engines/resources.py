"""What a run may use: its processes, their threads, and the memory that each of them has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ridge_spark.cores import available_cores, available_memory

LEAST_OVERHEAD = 384 * 2**20  # beside the heap of an executor, by Spark's own rule
TILE_BYTES = 512 * 2**20  # of sums that one task of many may hold
TASK_BYTES = 160 * 10**6  # of a Python process that does tasks, before it holds anything
COPIES = 2  # of what a task is to hold: itself, and what is sent on


@dataclass(frozen=True)
class Resources:
    """Workers and memory, known before anything is read.

    workers       processes that do tasks      threads   of each worker
    lead          bytes for the process that leads the run and solves its systems, which has
    lead_threads  for that
    tasks_apart   True where other processes do the tasks; else those that lead do them as well
    task          bytes for each of those; None where nobody tells
    together      True where theirs are taken from what the leading process has
    whole_x       True where each worker, or its node, holds all images as bytes
    what          whose memory that of the leading process is, for a person
    """

    workers: int
    threads: int
    lead: int
    lead_threads: int
    tasks_apart: bool = False
    task: int | None = None
    together: bool = False
    whole_x: bool = False
    what: str = "this machine"

    @classmethod
    def local(cls, threads: int) -> Resources:
        """One process with `threads`."""
        return cls(1, threads, available_memory(), threads)

    @property
    def budget(self) -> int:
        """Bytes of sums or of images that a task may hold."""
        if not self.tasks_apart:
            return self.lead // 2
        of_each = self.task
        if self.together:
            of_each = self.lead // (self.workers + 1)
        if of_each is None:
            return TILE_BYTES
        return max(2**24, min(TILE_BYTES, (of_each - TASK_BYTES) // COPIES))

    def lacks(self, lead: int, task: int) -> str:
        """What does not fit of `lead` and `task` bytes, for a person; nothing where they do."""
        if self.tasks_apart and self.together:
            lead, task = lead + self.workers * task, 0
        if lead > self.lead:
            return f"{gigabytes(lead)}, and {self.what} has {gigabytes(self.lead)}"
        if self.tasks_apart and self.task is not None and task > self.task:
            return f"{gigabytes(task)} for a task, and each has {gigabytes(self.task)}"
        return ""


def spark_resources(sc: Any, whole_x: bool) -> Resources:
    """Those of a Spark context: what its configuration leaves to Python, beside the JVMs."""
    conf = sc.getConf()
    threads = int(conf.get("spark.task.cpus", "1"))
    workers, master = max(1, sc.defaultParallelism // threads), conf.get("spark.master", "")
    lead, cores = available_memory(), available_cores()
    if master.startswith("local") and not master.startswith("local-cluster"):
        lead -= to_bytes(conf.get("spark.driver.memory", "1g"))
        return Resources(workers, threads, lead, cores, True, None, True, whole_x)
    task = None
    if master.startswith(("yarn", "k8s")):  # elsewhere, Python is not held to what executors have
        task = _beside_the_jvm(conf) // max(
            1, int(conf.get("spark.executor.cores", "1")) // threads
        )
    return Resources(workers, threads, lead, cores, True, task, False, whole_x, "the driver")


def _beside_the_jvm(conf: Any) -> int:
    """Bytes of an executor's container for its Python workers."""
    python = conf.get("spark.executor.pyspark.memory", "")
    if python:
        return to_bytes(python, 2**20)
    overhead = to_bytes(conf.get("spark.executor.memoryOverhead", "0"), 2**20)
    factor = float(conf.get("spark.executor.memoryOverheadFactor", "0.1"))
    heap = to_bytes(conf.get("spark.executor.memory", "1g"))
    return overhead or max(LEAST_OVERHEAD, int(factor * heap))


def to_bytes(text: str, unit: int = 1) -> int:
    """The bytes of a size as Spark writes it: 512m, 4g, 1024k; of a plain number, in `unit`."""
    units = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
    text = text.strip().lower().removesuffix("b")
    if text and text[-1] in units:
        return int(float(text[:-1]) * units[text[-1]])
    return int(float(text or 0) * unit)


def gigabytes(size: float) -> str:
    """`0.1 GB`, `362 GB`."""
    return f"{size / 1e9:.1f} GB" if size < 9.95e9 else f"{size / 1e9:,.0f} GB"
