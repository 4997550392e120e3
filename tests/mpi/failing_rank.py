"""An MPI program of the tests: the command, with a mistake in the code that only rank 1 runs into.

Arguments: those of `python -m mpi_hybrid`.
"""

import sys
from typing import Any

from mpi_hybrid.cli import main
from mpi_hybrid.data import DataEngine

my_part = DataEngine.my_part


def broken_part(self: DataEngine, *arguments: Any) -> Any:
    if self.world.rank == 1:
        raise ZeroDivisionError("a mistake on rank 1")
    return my_part(self, *arguments)


if __name__ == "__main__":
    DataEngine.my_part = broken_part
    main(sys.argv[1:])
