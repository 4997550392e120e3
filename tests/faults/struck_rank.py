"""The MPI module, of which one rank kills itself in a stage: the STAGE-th that it comes to.

Arguments: STAGE RANK DELAY FILE, then those of `python -m mpi_hybrid`. FILE is there as soon as the
rank, DELAY seconds after the stage has begun, ends; with a STAGE of -1 it says which there are.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mpi4py import MPI

from mpi_hybrid.cli import main
from ridge_spark.progress import Progress


def strike_in(number: int, rank: int, delay: float, file: Path) -> None:
    """Have the stage of that number end the rank."""
    begin, names = Progress.stage, []

    def strike() -> None:
        file.touch()
        os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def stage(self: Progress, name: str, *others: Any) -> Iterator[Any]:
        names.append(name)
        if len(names) == number + 1 and MPI.COMM_WORLD.rank == rank:
            timer = threading.Timer(delay, strike)
            timer.daemon = True
            timer.start()
            if not delay:
                timer.join()
        with begin(self, name, *others) as advance:
            yield advance
        if number < 0 and MPI.COMM_WORLD.rank == 0:
            file.write_text("\n".join(names))

    Progress.stage = stage  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    number, rank, delay, file, *arguments = sys.argv[1:]
    strike_in(int(number), int(rank), float(delay), Path(file))
    main(arguments)
