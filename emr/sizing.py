"""Executor sizes from the nodes and the images: one Python worker per core must fit."""

from __future__ import annotations

from dataclasses import dataclass

from emr.errors import EmrError
from emr.stack import Sizes
from ridge_spark.engines.resources import TILE_BYTES
from ridge_spark.engines.spark import FAN_IN

MIB = 2**20
WORKER_BASE_MIB = 448  # an interpreter with NumPy, SciPy, Numba and PyArrow, and a few blocks
APPLICATION_MASTER_MIB = 1024  # one node also holds YARN's application master of each job
HEAP_BASE_MIB = 1024


@dataclass(frozen=True)
class Load:
    """What a run asks of memory.

    d           pixels of an image
    groups      of images with statistics of their own: the folds, or two
    shared_mib  what the workers of an executor map together: the outer job's images
    """

    d: int
    groups: int
    shared_mib: int = 0

    @property
    def task_mib(self) -> int:
        """Most that a task's statistics take, 8 d^2 bytes for each group and as much to work.

        Beyond `TILE_BYTES` a task has only a tile of X'X.
        """
        return -(-min(16 * self.d * self.d * self.groups, TILE_BYTES) // MIB)

    @property
    def worker_mib(self) -> int:
        """A Python worker: itself, its task's statistics, and their copy on the way out."""
        return WORKER_BASE_MIB + self.task_mib + self.task_mib // 2

    def heap_mib(self, cores: int) -> int:
        """An executor's heap: a task's result on its way out for each core, and one more."""
        return HEAP_BASE_MIB + (cores + 1) * self.task_mib // 2

    def executor_mib(self, cores: int) -> int:
        """An executor with a Python worker for each core."""
        return self.heap_mib(cores) + cores * self.worker_mib + self.shared_mib

    @property
    def driver(self) -> Memory:
        """The driver: what the last step of the merging tree sends passes through its heap.

        Its Python has the statistics of each group, and their sum, centred and factorised.
        """
        python = WORKER_BASE_MIB + (self.groups + 4) * -(-8 * self.d * self.d // MIB)
        return Memory(HEAP_BASE_MIB + FAN_IN * self.task_mib // 2, python)


@dataclass(frozen=True)
class Memory:
    """A JVM's heap, and the memory beside it, which is where YARN counts Python."""

    heap_mib: int
    overhead_mib: int

    @property
    def mib(self) -> int:
        return self.heap_mib + self.overhead_mib


@dataclass(frozen=True)
class Sizing:
    """What spark-submit is told, and why.

    cores      of an executor
    executors  the most there will be
    task_cpus  cores that a task has, more than one where memory is for fewer tasks than cores
    """

    cores: int
    executor: Memory
    driver: Memory
    executors: int
    reason: str
    task_cpus: int = 1

    def options(self) -> list[str]:
        settings = {
            "spark.driver.maxResultSize": f"{self.driver.heap_mib}m",
            # Counts where the driver is in a container: in cluster mode and on serverless.
            "spark.driver.memoryOverhead": f"{self.driver.overhead_mib}m",
            "spark.executor.memoryOverhead": f"{self.executor.overhead_mib}m",
            # Executors come and go; without this Spark counts the cores of those that are there.
            "spark.default.parallelism": str(self.executors * (self.cores // self.task_cpus)),
        }
        if self.task_cpus > 1:
            settings["spark.task.cpus"] = str(self.task_cpus)
        return [
            *("--driver-memory", f"{self.driver.heap_mib}m"),
            *("--executor-cores", str(self.cores)),
            *("--executor-memory", f"{self.executor.heap_mib}m"),
            *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        ]


def size_for_cluster(load: Load, sizes: Sizes, deploy_mode: str = "client") -> Sizing:
    """One executor a node, less what the application masters of all jobs at once may take there.

    The driver is on the primary node; in cluster mode it is the application master. YARN refuses a
    container above the memory it was configured with, which is where `sizes.yarn_mib` is from.
    """
    jobs = sizes.steps_at_once
    worker = f"worker_type {sizes.worker_type}"
    if deploy_mode == "client":
        share = sizes.primary_mib * 9 // 10 // jobs
        driver = drive(load, share, f"primary_type {sizes.primary_type}{_shared_by(jobs)}")
        master = APPLICATION_MASTER_MIB
    else:
        driver = drive(load, sizes.yarn_mib // jobs, worker + _shared_by(jobs))
        master = driver.mib
    container = sizes.yarn_mib - jobs * master
    cores, executor = fit_executor(load, sizes.worker_vcpus, container, worker)
    reason = explain(load, cores, executor, f"each {sizes.worker_type}", sizes.worker_vcpus)
    return Sizing(cores, executor, driver, sizes.workers_max, reason)


def fit_executor(load: Load, vcpus: int, container_mib: int, where: str) -> tuple[int, Memory]:
    """Fill a container of `container_mib` with a Python worker for each core, or as many as fit.

    All that is not heap is overhead. `EmrError` if no worker fits.
    """
    for cores in range(vcpus, 0, -1):
        if load.executor_mib(cores) <= container_mib:
            heap = load.heap_mib(cores)
            return cores, Memory(heap, container_mib - heap)
    raise EmrError(
        f"{load.d:,} pixels and {gib(load.shared_mib)} of shared images need "
        f"{gib(load.executor_mib(1))}, but {where} has {gib(container_mib)} to give; choose a "
        "larger one (r7g has twice the memory), smaller images, or the inner job, which shares "
        "nothing"
    )


def drive(load: Load, most_mib: int, where: str) -> Memory:
    """The driver's memory; `EmrError` if it does not fit."""
    if load.driver.mib > most_mib:
        raise EmrError(
            f"{load.d:,} pixels in {load.groups} groups need {gib(load.driver.mib)} for the "
            f"driver, but {where} has {gib(most_mib)} to give; choose a larger one, fewer --folds "
            "or smaller images"
        )
    return load.driver


def _shared_by(jobs: int) -> str:
    return f", shared by {jobs} jobs (steps_at_once)," if jobs > 1 else ""


def explain(load: Load, cores: int, executor: Memory, where: str, vcpus: int) -> str:
    idle = vcpus - cores
    return (
        f"Executors: one on {where} with {cores} Python workers, each up to "
        f"{gib(load.worker_mib)} for {load.d:,} pixels; {gib(executor.heap_mib)} of heap, "
        f"{gib(executor.overhead_mib)} for Python"
        + (f"; memory leaves {idle} cores idle" if idle else "")
    )


def gib(mib: int) -> str:
    return f"{mib / 1024:.1f} GiB"
