"""What the ranks of a run may use: a node's memory is divided among the ranks that are on it."""

from __future__ import annotations

import os

from mpi_hybrid.world import World
from ridge_spark.cores import available_memory
from ridge_spark.engines.resources import Resources


def mpi_resources(world: World, threads: int, whole_x: bool) -> Resources:
    """Those of each rank: all of them lead, and all of them work.

    Collective: the least that a node has counts, as all ranks must come to the same plan.
    """
    mine = min(available_memory(), *_given_by_slurm()) // world.node.size
    least = min(world.comm.allgather(mine))
    return Resources(
        world.size, threads, least, threads, whole_x=whole_x, what="a rank, its part of the node"
    )


def _given_by_slurm() -> list[int]:
    """Bytes that a job has on each node, by what SLURM tells it."""
    per_node, per_core = (os.environ.get(f"SLURM_MEM_PER_{each}", "") for each in ("NODE", "CPU"))
    cores = os.environ.get("SLURM_CPUS_ON_NODE", "")
    found = [available_memory()]
    if per_node.isdigit() and int(per_node):  # 0 is all of the node
        found.append(int(per_node) * 2**20)
    if per_core.isdigit() and cores.isdigit():
        found.append(int(per_core) * int(cores) * 2**20)
    return found
