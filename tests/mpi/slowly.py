"""An MPI program of the tests: the command, with a pause before every block of pass one.

Arguments: SECONDS, then those of `python -m mpi_hybrid`.
"""

import sys
import time
from collections.abc import Iterator
from typing import Any

from mpi_hybrid.cli import main
from mpi_hybrid.engine import MpiEngine
from ridge_spark.ridge.blocks import Block


def pause(seconds: float) -> None:
    pass_on = MpiEngine._until_due

    def until_due(self: MpiEngine, blocks: Iterator[Block], *others: Any) -> Iterator[Block]:
        return pass_on(self, slowly(blocks), *others)

    def slowly(blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            time.sleep(seconds)
            yield block

    MpiEngine._until_due = until_due


if __name__ == "__main__":
    pause(float(sys.argv[1]))
    main(sys.argv[2:])
