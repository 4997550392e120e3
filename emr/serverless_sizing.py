"""The workers of EMR Serverless for a job: sizes that exist, within the application's limits."""

from __future__ import annotations

from dataclasses import dataclass

from emr.errors import EmrError
from emr.sizing import Load, Memory, Sizing, drive, explain, fit_executor

GIB = 1024  # MiB
GIB_PER_VCPU = 8  # of the application's limit, as terraform/serverless.tf has it


@dataclass(frozen=True)
class Worker:
    """A size that EMR Serverless offers; its memory goes from `least` to `most` GiB by `step`."""

    vcpus: int
    least: int
    most: int
    step: int

    def container_mib(self, wanted_mib: int) -> int:
        """The memory it is given, and billed for, where `wanted_mib` are wanted."""
        steps = -(-max(wanted_mib, self.least * GIB) // (self.step * GIB))
        return min(steps * self.step, self.most) * GIB


# EMR Serverless User Guide, "Supported worker configurations"; smaller ones exist.
WORKERS = (Worker(4, 8, 30, 1), Worker(8, 16, 60, 4), Worker(16, 32, 120, 8))


def size_for_serverless(load: Load, max_vcpus: int) -> Sizing:
    """The smallest worker that keeps all its cores busy, else the largest the application may have.

    The driver is one of the smallest. A worker that is larger than what it leaves would never
    start, and the driver would wait for it, and be paid for, to the end of the job's time. An
    executor has all vCPUs of its worker, since their number decides what memory there may be.
    """
    small = WORKERS[0]
    wanted = drive(load, small.most * GIB, f"a worker of {small.vcpus} vCPUs")
    container = small.container_mib(wanted.mib)
    driver = Memory(wanted.heap_mib, container - wanted.heap_mib)
    vcpus_left = max_vcpus - small.vcpus
    mib_left = max_vcpus * GIB_PER_VCPU * GIB - container
    there = [each for each in WORKERS if each.vcpus <= vcpus_left and each.least * GIB <= mib_left]
    if not there:
        raise EmrError(
            f"serverless_max_vcpus {max_vcpus}: beside the driver's {small.vcpus} vCPUs no worker "
            "fits; set 8 or more in terraform.tfvars, then: make emr-up"
        )
    keeping_busy = (each for each in there if _fits(load, each, mib_left))
    worker = next(keeping_busy, there[-1])
    limit = min(worker.most * GIB, mib_left // (worker.step * GIB) * worker.step * GIB)
    most = min(worker.container_mib(load.executor_mib(worker.vcpus)), limit)
    where = f"a worker of {worker.vcpus} vCPUs, within serverless_max_vcpus {max_vcpus},"
    cores, executor = fit_executor(load, worker.vcpus, most, where)
    executors = max(1, min(vcpus_left // worker.vcpus, mib_left // executor.mib))
    reason = explain(load, cores, executor, f"workers of {worker.vcpus} vCPUs", worker.vcpus)
    reason += f"; at most {executors} of them"
    task_cpus = -(-worker.vcpus // cores)
    return Sizing(worker.vcpus, executor, driver, executors, reason, task_cpus)


def _fits(load: Load, worker: Worker, mib_left: int) -> bool:
    wanted = load.executor_mib(worker.vcpus)
    return wanted <= worker.most * GIB and worker.container_mib(wanted) <= mib_left


def allocation_options(sizing: Sizing) -> list[str]:
    """Never ask for more executors than the application may have: they would be waited for."""
    settings = {
        "spark.dynamicAllocation.initialExecutors": min(3, sizing.executors),
        "spark.dynamicAllocation.maxExecutors": sizing.executors,
        "spark.driver.cores": WORKERS[0].vcpus,
    }
    return [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
