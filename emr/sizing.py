"""Executor sizes from the instance type and the images: one Python worker per core must fit."""

from __future__ import annotations

from dataclasses import dataclass

from emr.errors import EmrError
from emr.stack import Sizes
from ridge_spark.engines.merging import FAN_IN
from ridge_spark.engines.spark import TILE_BYTES

MIB = 2**20
WORKER_BASE_MIB = 448  # an interpreter with NumPy, SciPy, Numba and PyArrow, and a few blocks
APPLICATION_MASTER_MIB = 1024  # one node also holds YARN's application master
HEAP_BASE_MIB = 1024
GROUPS = 10  # of images with statistics of their own: enough for ten folds
SERVERLESS_WORKERS = ((4, 8, 30), (8, 16, 60), (16, 32, 120))  # vCPUs, least GB, most GB
SERVERLESS_DRIVER_VCPUS = 4


@dataclass(frozen=True)
class Executor:
    """One executor: its Python workers, the JVM's heap, and the memory beside the heap."""

    cores: int
    heap_mib: int
    overhead_mib: int


@dataclass(frozen=True)
class Sizing:
    """What spark-submit is told, and why."""

    executor: Executor
    driver_mib: int
    parallelism: int
    reason: str

    def options(self) -> list[str]:
        settings = {
            "spark.driver.maxResultSize": f"{self.driver_mib}m",
            "spark.executor.memoryOverhead": f"{self.executor.overhead_mib}m",
            # Executors come and go; without this Spark counts the cores of those that are there.
            "spark.default.parallelism": str(self.parallelism),
        }
        return [
            *("--driver-memory", f"{self.driver_mib}m"),
            *("--executor-cores", str(self.executor.cores)),
            *("--executor-memory", f"{self.executor.heap_mib}m"),
            *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        ]


def yarn_mib(memory_mib: int) -> int:
    """What EMR gives YARN of a node's memory: three quarters, or all but 8 GiB of a large one."""
    return max(memory_mib * 3 // 4, memory_mib - 8192)


def task_mib(d: int) -> int:
    """Most that a task's statistics take, 8 d^2 bytes for each group of images and as much to work.

    Beyond `TILE_BYTES` a task has only a tile of X'X.
    """
    return -(-min(16 * d * d * GROUPS, TILE_BYTES) // MIB)


def worker_mib(d: int) -> int:
    """A Python worker: itself, its task's statistics, and their copy on the way out."""
    return WORKER_BASE_MIB + task_mib(d) + task_mib(d) // 2


def heap_mib(d: int, cores: int) -> int:
    """The JVM's heap: a task's result on its way out for each core, and one more."""
    return HEAP_BASE_MIB + (cores + 1) * task_mib(d) // 2


def driver_mib(d: int) -> int:
    """The driver's heap: what the last step of the merging tree sends, on its way to Python."""
    return HEAP_BASE_MIB + FAN_IN * task_mib(d) // 2


def driver_python_mib(d: int) -> int:
    """The driver's Python: statistics of two groups and their sum, centred, factorised."""
    return WORKER_BASE_MIB + 6 * -(-8 * d * d // MIB)


def fit_executor(d: int, shared_mib: int, vcpus: int, container_mib: int, where: str) -> Executor:
    """Fill a container of `container_mib` with a Python worker for each core, or as many as fit.

    `shared_mib` is what the workers of an executor map together, the outer job's images. All that
    is not heap is overhead, which is where YARN counts Python. `EmrError` if no worker fits.
    """
    for cores in range(vcpus, 0, -1):
        overhead = container_mib - heap_mib(d, cores)
        if overhead >= cores * worker_mib(d) + shared_mib:
            return Executor(cores, heap_mib(d, cores), overhead)
    needed = heap_mib(d, 1) + worker_mib(d) + shared_mib
    raise EmrError(
        f"{d:,} pixels and {gib(shared_mib)} of shared images need {gib(needed)}, but {where} has "
        f"{gib(container_mib)}; choose a larger worker_type (r7g has twice the memory), smaller "
        "images, or the inner job, which shares nothing"
    )


def size_for_cluster(d: int, shared_mib: int, sizes: Sizes) -> Sizing:
    """One executor a node, less what YARN's application master takes on one of them."""
    container = yarn_mib(sizes.worker_mib) - APPLICATION_MASTER_MIB
    executor = fit_executor(d, shared_mib, sizes.worker_vcpus, container, sizes.worker_type)
    driver = driver_mib(d) + driver_python_mib(d)
    if driver > sizes.primary_mib * 9 // 10:
        raise EmrError(
            f"{d:,} pixels need {gib(driver)} for the driver, but {sizes.primary_type} has "
            f"{gib(sizes.primary_mib)}; choose a larger primary_type or smaller images"
        )
    parallelism = executor.cores * sizes.workers_max
    return _sizing(d, executor, parallelism, f"each {sizes.worker_type}", sizes.worker_vcpus)


def size_for_serverless(d: int, shared_mib: int, max_vcpus: int) -> Sizing:
    """The smallest worker of EMR Serverless that keeps all its cores busy, else the largest.

    Workers have 4, 8 or 16 vCPUs with 8 to 30, 16 to 60 or 32 to 120 GB, paid for as sized.
    """

    def wanted_mib(vcpus: int) -> int:
        return heap_mib(d, vcpus) + vcpus * worker_mib(d) + shared_mib

    fitting = (each for each in SERVERLESS_WORKERS if wanted_mib(each[0]) <= each[2] * 1024)
    vcpus, least, most = next(fitting, SERVERLESS_WORKERS[-1])
    container = min(max(wanted_mib(vcpus), least * 1024), most * 1024)
    executor = fit_executor(d, shared_mib, vcpus, container, f"a worker of {vcpus} vCPUs")
    workers = max(1, (max_vcpus - SERVERLESS_DRIVER_VCPUS) // vcpus)
    return _sizing(d, executor, workers * executor.cores, f"workers of {vcpus} vCPUs", vcpus)


def _sizing(d: int, executor: Executor, parallelism: int, where: str, vcpus: int) -> Sizing:
    idle = vcpus - executor.cores
    reason = (
        f"Executors: one on {where} with {executor.cores} Python workers, each up to "
        f"{gib(worker_mib(d))} for {d:,} pixels; {gib(executor.heap_mib)} of heap, "
        f"{gib(executor.overhead_mib)} for Python"
        + (f"; memory leaves {idle} cores idle" if idle else "")
    )
    return Sizing(executor, driver_mib(d), parallelism, reason)


def gib(mib: int) -> str:
    return f"{mib / 1024:.1f} GiB"
