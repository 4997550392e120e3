"""An MPI program of the tests: the command, but one rank sends a signal in the middle of pass one.

Arguments: SIGNAL RANK BLOCKS TARGET, then those of `python -m mpi_hybrid`. When rank RANK comes to
its block number BLOCKS, it sends SIGNAL to itself (TARGET rank) or to mpiexec (TARGET launcher).
All wait a moment then, so that every rank is still at work when the signal arrives.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mpi4py import MPI

from mpi_hybrid.cli import main
from mpi_hybrid.engine import MpiEngine
from ridge_spark.ridge.blocks import Block


def launcher() -> int:
    """The process `mpiexec`, of which the rank is a grandchild."""
    return int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])


def interrupt(number: signal.Signals, rank: int, after: int, target: str) -> None:
    pass_on = MpiEngine._until_due

    def until_due(self: MpiEngine, blocks: Iterator[Block], *others: Any) -> Iterator[Block]:
        return pass_on(self, interrupted(blocks), *others)

    def interrupted(blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            interrupted.passed += 1
            if interrupted.passed == after:
                if MPI.COMM_WORLD.rank == rank:
                    os.kill(os.getpid() if target == "rank" else launcher(), number)
                time.sleep(1)
            yield block

    interrupted.passed = 0
    MpiEngine._until_due = until_due


if __name__ == "__main__":
    name, rank, after, target, *arguments = sys.argv[1:]
    interrupt(signal.Signals[name], int(rank), int(after), target)
    main(arguments)
