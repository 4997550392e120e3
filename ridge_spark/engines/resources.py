"""What a run may use: its processes, their threads, and the memory that each of them has."""

from __future__ import annotations

from dataclasses import dataclass

from ridge_spark.cores import available_cores, available_memory


@dataclass(frozen=True)
class Resources:
    """Workers and memory, known before anything is read.

    workers   processes that do tasks      threads        of each worker
    lead      bytes for the process that leads the run and solves its systems
    lead_threads  that it has for that
    task      bytes for each worker; None where the leading process is the only worker, or where
              every worker leads as well, as MPI ranks do
    together  True where the workers take theirs from what the leading process has
    what      whose memory it is, for a person
    whole_x   True where every worker, or its node, holds all images as bytes
    """

    workers: int
    threads: int
    lead: int
    lead_threads: int
    task: int | None = None
    together: bool = False
    what: str = "this machine or control group"
    whole_x: bool = False

    @classmethod
    def local(cls, threads: int) -> Resources:
        return cls(1, threads, available_memory(), threads)

    def lacks(self, lead: int, task: int) -> str:
        """What `lead` and `task` bytes do not fit in, for a person; nothing where they do."""
        if self.together:
            lead, task = lead + self.workers * task, 0
        if lead > self.lead:
            return f"{gigabytes(lead)} of {gigabytes(self.lead)} of {self.what}"
        if self.task is not None and task > self.task:
            return f"{gigabytes(task)} for each task of {gigabytes(self.task)} that one has"
        return ""


def spark_resources(sc: object, name: str) -> Resources:
    """Those of a Spark context: what its configuration gives to Python, beside the JVMs."""
    conf = sc.getConf()  # type: ignore[attr-defined]
    threads = int(conf.get("spark.task.cpus", "1"))
    workers = max(1, sc.defaultParallelism // threads)  # type: ignore[attr-defined]
    here, cores = available_memory(), available_cores()
    whole_x = name == "outer"
    master = conf.get("spark.master", "")
    if master.startswith("local[") or master == "local":
        free = here - to_bytes(conf.get("spark.driver.memory", "1g"))
        return Resources(workers, threads, free, cores, free, True, "this machine", whole_x)
    executor = to_bytes(conf.get("spark.executor.memory", "1g"))
    python = conf.get("spark.executor.pyspark.memory", "")
    factor = float(conf.get("spark.executor.memoryOverheadFactor", "0.1"))
    overhead = to_bytes(conf.get("spark.executor.memoryOverhead", "0"), 2**20)
    beside = to_bytes(python) if python else overhead or max(384 * 2**20, int(factor * executor))
    tasks = max(1, int(conf.get("spark.executor.cores", "1")) // threads)
    enforced = master == "yarn" or master.startswith("k8s")
    if not enforced:  # Python is not limited there; what a machine has, nobody tells
        return Resources(workers, threads, here, cores, None, False, "the driver", whole_x)
    return Resources(workers, threads, here, cores, beside // tasks, False, "the driver", whole_x)


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
