"""Executor sizes from the instance type and the images: one Python worker per core must fit."""

from __future__ import annotations

from dataclasses import dataclass

from emr.errors import EmrError

MIB = 2**20
WORKER_BASE_MIB = (
    384  # an interpreter with NumPy, SciPy, Numba and PyArrow, and one block of images
)
APPLICATION_MASTER_MIB = 1024  # one node also holds YARN's application master
HEAP_BASE_MIB = 1024
SERVERLESS_WORKERS = ((4, 8, 30), (8, 16, 60), (16, 32, 120))  # vCPUs, least GB, most GB


@dataclass(frozen=True)
class ExecutorSize:
    """What spark-submit is told, and why."""

    cores: int
    heap_mib: int
    overhead_mib: int
    driver_mib: int
    reason: str

    def options(self) -> list[str]:
        return [
            *("--driver-memory", f"{self.driver_mib}m"),
            *("--conf", f"spark.driver.maxResultSize={self.driver_mib}m"),
            *("--executor-cores", str(self.cores)),
            *("--executor-memory", f"{self.heap_mib}m"),
            *("--conf", f"spark.executor.memoryOverhead={self.overhead_mib}m"),
        ]


def yarn_mib(memory_mib: int) -> int:
    """What EMR gives YARN of a node's memory: three quarters, or all but 8 GiB of a large one."""
    return max(memory_mib * 3 // 4, memory_mib - 8192)


def statistics_mib(d: int) -> int:
    """Size of X'X of d pixels as int64, 8 d^2 bytes, rounded up."""
    return -(-8 * d * d // MIB)


def worker_mib(d: int, shared_mib: int) -> int:
    """A Python worker: itself, its statistics, the copy on their way out, and what all share.

    `shared_mib` is what a job broadcasts: each worker reads it into its own memory.
    """
    return WORKER_BASE_MIB + 2 * statistics_mib(d) + shared_mib


def size_executors(
    d: int, shared_mib: int, vcpus: int, container_mib: int, where: str
) -> ExecutorSize:
    """Fill a container of `container_mib` with as many Python workers as it has cores, if they fit.

    The JVM's heap takes the results of its tasks on their way (8 d^2 bytes each) and the broadcast
    blocks; everything else is overhead, which is where YARN counts Python. `EmrError` if not even
    one worker fits.
    """
    each = worker_mib(d, shared_mib)
    for cores in range(vcpus, 0, -1):
        heap = HEAP_BASE_MIB + (cores + 1) * statistics_mib(d) + shared_mib
        overhead = container_mib - heap
        if overhead >= cores * each:
            driver = HEAP_BASE_MIB + 4 * statistics_mib(d) + shared_mib
            idle = "" if cores == vcpus else f"; memory leaves {vcpus - cores} cores idle"
            reason = (
                f"executors: one on {where}, {cores} Python workers at {gib(each)} for "
                f"{d:,} pixels, {gib(heap)} of heap, {gib(overhead)} for Python{idle}"
            )
            return ExecutorSize(cores, heap, overhead, driver, reason)
    needed = HEAP_BASE_MIB + 2 * statistics_mib(d) + shared_mib + each
    raise EmrError(
        f"{d:,} pixels need {gib(needed)} for one worker, but {where} offers {gib(container_mib)}; "
        "choose a larger worker_type (r7g has twice the memory) or smaller images"
    )


def size_for_cluster(
    d: int, shared_mib: int, vcpus: int, memory_mib: int, instance_type: str
) -> ExecutorSize:
    """One executor a node, less what YARN's application master takes on one of them."""
    container = yarn_mib(memory_mib) - APPLICATION_MASTER_MIB
    return size_executors(d, shared_mib, vcpus, container, f"each {instance_type}")


def size_for_serverless(d: int, shared_mib: int) -> ExecutorSize:
    """The smallest worker of EMR Serverless that keeps all its cores busy, else the largest.

    Workers have 4, 8 or 16 vCPUs with 8 to 30, 16 to 60 or 32 to 120 GB, paid for as sized.
    """
    for vcpus, least, most in SERVERLESS_WORKERS:
        heap = HEAP_BASE_MIB + (vcpus + 1) * statistics_mib(d) + shared_mib
        container = max(least * 1024, heap + vcpus * worker_mib(d, shared_mib))
        if container <= most * 1024 or vcpus == SERVERLESS_WORKERS[-1][0]:
            where = f"workers of {vcpus} vCPUs"
            return size_executors(d, shared_mib, vcpus, min(container, most * 1024), where)
    raise AssertionError("the last size always returns")


def gib(mib: int) -> str:
    return f"{mib / 1024:.1f} GiB"
