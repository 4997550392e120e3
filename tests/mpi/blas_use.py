"""An MPI program of the tests: the command; each rank tells how many threads BLAS solved with.

Arguments: those of `python -m mpi_hybrid`. It is the last line of each rank on standard error.
"""

import sys
from typing import Any

from threadpoolctl import threadpool_info

from mpi_hybrid.cli import main
from ridge_spark.ridge.tridiagonal import TridiagonalSolver

rotate = TridiagonalSolver.rotate
allowed: set[int] = set()


def watched_rotate(self: TridiagonalSolver, *arguments: Any) -> Any:
    allowed.update(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
    return rotate(self, *arguments)


if __name__ == "__main__":
    TridiagonalSolver.rotate = watched_rotate
    try:
        main(sys.argv[1:])
    finally:
        print(f"BLAS threads: {max(allowed)}", file=sys.stderr)
