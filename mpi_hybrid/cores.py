"""How many threads a rank should run, and whether it has the cores for them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ridge_spark.cores import Quota, core_numbers, cpu_quota
from ridge_spark.errors import InputError


@dataclass(frozen=True)
class Cores:
    """Cores by number that a rank may run on, and the CPU quota of its control group."""

    numbers: frozenset[int] = field(default_factory=core_numbers)
    quota: Quota | None = field(default_factory=cpu_quota)


def cores_each(mine: Cores, node: Sequence[Cores]) -> float:
    """Cores for a rank that may use `mine`, where each rank of its node may use one of `node`.

    Σ over the cores c of `mine` of 1 / (number of ranks that may use c): with every rank on all
    cores, cores / ranks; with every rank bound to its own, the number of those. At most its part of
    a quota, which the ranks of the same control group have together.
    """
    users = Counter(number for each in node for number in each.numbers)
    cores = sum(1 / users[number] for number in mine.numbers)
    if mine.quota is None:
        return cores
    return min(cores, mine.quota.cores / sum(each.quota == mine.quota for each in node))


def default_threads(cores: float) -> int:
    """Threads of a rank: what SLURM gives each task, else as many as it has cores."""
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if given:
        if not given.isdigit() or int(given) < 1:
            raise InputError(f"SLURM_CPUS_PER_TASK={given}: not a number of cores; give --threads")
        return int(given)
    return max(1, int(cores + 1e-6))


def warning_of_few_cores(
    threads: int, cores: float, mine: Cores, node: Sequence[Cores]
) -> str | None:
    """A warning where `threads` threads have fewer cores than that, or None."""
    if threads <= cores + 1e-6:
        return None
    bound = {each.numbers for each in node}
    if len(mine.numbers) < threads and len(bound) > 1:
        return (
            f"a rank is bound to {len(mine.numbers)} of the node's cores but runs {threads} "
            "threads: use --bind-to none (mpirun) or --cpu-bind=none (srun), or fewer --threads"
        )
    shared = f"{len(frozenset.union(*bound))} cores of a node"
    if mine.quota and mine.quota.cores < len(mine.numbers):
        shared = f"a CPU quota of {mine.quota.cores:g} cores"
    return f"{len(node)} ranks x {threads} threads share {shared}: use fewer ranks or --threads"
