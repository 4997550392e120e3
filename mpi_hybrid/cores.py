"""How many threads a rank should run, and whether it has the cores for them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from ridge_spark.errors import InputError

Cores = frozenset[int]


def cores_of_this_rank() -> Cores:
    """Numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def fair_share(mine: Cores, node: Sequence[Cores]) -> float:
    """Cores for a rank that may use `mine`, where each rank of its node may use one of `node`.

    Σ over the cores c in `mine` of 1 / (number of ranks that may use c): with every rank on all
    cores, cores / ranks; with every rank bound to its own, the number of those.
    """
    users = Counter(core for cores in node for core in cores)
    return sum(1 / users[core] for core in mine)


def default_threads(share: float) -> int:
    """Threads of a rank: what SLURM gives each task, else its share of the node's cores."""
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if given:
        if not given.isdigit() or int(given) < 1:
            raise InputError(f"SLURM_CPUS_PER_TASK={given}: not a number of cores; give --threads")
        return int(given)
    return max(1, int(share + 1e-6))


def too_few(threads: int, share: float, mine: Cores, node: Sequence[Cores]) -> str | None:
    """A warning where `threads` threads have fewer cores than that, or None."""
    if threads <= share + 1e-6:
        return None
    if len(mine) < threads and any(cores != mine for cores in node):
        return (
            f"a rank is bound to {len(mine)} of the node's cores but runs {threads} threads: "
            "use --bind-to none (mpirun) or --cpu-bind=none (srun), or fewer --threads"
        )
    return (
        f"{len(node)} ranks x {threads} threads share {len(frozenset.union(*node))} cores of a "
        "node: use fewer ranks or --threads"
    )
