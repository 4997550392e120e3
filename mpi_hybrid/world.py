"""The ranks of a run: who they are, which share a node, and what they do together."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ridge_spark.errors import InputError

T = TypeVar("T")

# An MPI counts the items of a message in 32 bits, and may buffer a whole one: 64 MiB is far below
# both limits and long enough that the start of a message does not matter.
MESSAGE_BYTES = 64 * 2**20

LONGEST_PAUSE = 0.02  # seconds between two looks at whether all have come

FAILURE_SECONDS = 1.0  # for ranks that fail alike to find that out
LAST_WORDS_SECONDS = 1.0  # for the launcher to pass on why, before it is told to end everything


class World:
    """Every rank of the run, in `comm`, and those on the same node as this one, in `node`."""

    def __init__(self) -> None:
        self.comm = MPI.COMM_WORLD
        self.rank, self.size = self.comm.rank, self.comm.size
        node = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        assert isinstance(node, MPI.Intracomm)
        self.node = node
        self.nodes = self.comm.allreduce(int(self.node.rank == 0))
        self.host = socket.gethostname()
        self._failures = self.comm.Dup()  # where only ranks that fail ever say anything
        self.waited = 0.0  # seconds in the collective calls below

    def from_root(self, function: Callable[[], T]) -> T:
        """What `function` returns on rank 0, on every rank; its `InputError` likewise."""
        outcome: T | InputError | None = None
        if self.rank == 0:
            try:
                outcome = function()
            except InputError as error:
                outcome = error
        self._wait_for_all()
        outcome = self.comm.bcast(outcome)
        if isinstance(outcome, InputError):
            raise outcome
        return outcome

    def _wait_for_all(self) -> None:
        """A barrier at rest: MPI would keep a core busy while rank 0 reads, writes or draws."""
        everyone, pause = self.comm.Ibarrier(), 1e-4
        while not everyone.Test():
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def add_up(self, array: NDArray[np.generic]) -> None:
        """Replace a C-contiguous `array` by its sum over all ranks, on all ranks."""
        if not array.flags.c_contiguous:
            raise ValueError("only a C-contiguous array can be summed in place")
        flat = array.reshape(-1)
        items = MESSAGE_BYTES // array.itemsize
        with self.waiting():
            for start in range(0, len(flat), items):
                self.comm.Allreduce(MPI.IN_PLACE, flat[start : start + items])

    def bcast(self, mine: Any, owner: int) -> Any:
        """Collective. What rank `owner` has, on every rank."""
        with self.waiting():
            return self.comm.bcast(mine, owner)

    def gather(self, mine: list[T], lengths: list[int]) -> list[list[T]]:
        """Collective. The lists of all ranks, of `lengths` by rank, on every rank.

        One message for each item: a list at once may be longer than a message can be.
        """
        return [
            [self.bcast(mine[i] if rank == self.rank else None, rank) for i in range(length)]
            for rank, length in enumerate(lengths)
        ]

    def of_all(self, mine: T) -> list[T]:
        """Collective. What each rank has, by rank, on every rank; one message for each."""
        return [self.bcast(mine if rank == self.rank else None, rank) for rank in range(self.size)]

    def any(self, flag: bool) -> bool:
        """True on every rank if `flag` is true on one."""
        with self.waiting():
            return bool(self.comm.allreduce(flag, MPI.LOR))

    def all_fail(self) -> bool:
        """To be asked by a rank with an error: True if every rank has one, and so can end alike."""
        everyone = self._failures.Ibarrier()
        for _ in range(100):
            if everyone.Test():
                return True
            time.sleep(FAILURE_SECONDS / 100)
        return False

    def abort(self, status: int) -> None:
        """End every rank now: the others may be waiting for this one for ever."""
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(LAST_WORDS_SECONDS)  # launchers drop what they have not read by then
        self.comm.Abort(status)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count what runs inside as time spent on the other ranks."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.waited += time.perf_counter() - start


def library() -> str:
    """The name and version of the MPI library."""
    name = MPI.Get_library_version().replace("Version:", "").replace(",", "\n").splitlines()[0]
    return " ".join(name.strip("\0").split())


def require_one_world(size: int) -> None:
    """`InputError` where SLURM started several ranks and MPI knows nothing of it; one tells."""
    tasks = os.environ.get("SLURM_NTASKS", "1")
    if size == 1 and tasks != "1":
        if os.environ.get("SLURM_PROCID", "0") != "0":
            sys.exit(2)
        raise InputError(
            f"SLURM_NTASKS is {tasks}, but MPI sees one rank: {library()} does not understand "
            "this srun, and each task would train alone. Use srun --mpi=pmi2 with MPICH, "
            "--mpi=pmix with Open MPI, or mpirun; with srun -n 1 if one rank is what you want"
        )
