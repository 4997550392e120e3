"""Memory of a process among others that share pages with it, and what a job is given."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from ridge_spark.engines.memory import peak_rss_mb


def proportional_mb() -> tuple[float, float]:
    """MiB this process holds now, and those of them in shared memory.

    A page that n processes share counts as 1/n of one, so that the sum over the processes of a node
    is what they need together. Where the system does not tell (it takes Linux), the most this
    process has held, with shared pages in full, and 0.
    """
    try:
        rollup = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return peak_rss_mb(), 0.0
    kib = {
        key: int(value) for key, value in re.findall(r"^(\w+):\s+(\d+) kB$", rollup, re.MULTILINE)
    }
    return kib["Pss"] / 1024, kib.get("Pss_Shmem", 0) / 1024


def given_by_slurm() -> float:
    """Bytes that a job has on each of its nodes, by what SLURM tells it; infinity if it does not.

    Its control group may be wider, or may not limit memory at all.
    """
    node, core, cores = (
        os.environ.get(f"SLURM_{name}", "")
        for name in ("MEM_PER_NODE", "MEM_PER_CPU", "CPUS_ON_NODE")
    )
    if node.isdigit() and int(node):  # 0 is all of the node
        return int(node) * 2**20
    if core.isdigit() and int(core) and cores.isdigit():
        return int(core) * int(cores) * 2**20
    return math.inf
