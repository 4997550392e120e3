"""What the ranks of a run may use: a node's memory is divided among the ranks that are on it."""

from __future__ import annotations

from mpi_hybrid.memory import given_by_slurm
from mpi_hybrid.world import World
from ridge_spark.cores import available_memory
from ridge_spark.engines.resources import Resources


def mpi_resources(world: World, threads: int, whole_x: bool) -> Resources:
    """Those of each rank: all of them lead, and all of them work.

    Collective: the least that a node has counts, as all ranks must come to the same plan.
    """
    mine = int(min(available_memory(), given_by_slurm()) // world.node.size)
    least = min(world.comm.allgather(mine))
    return Resources(
        world.size, threads, least, threads, whole_x=whole_x, what="each rank of a node"
    )
