"""A Spark job of the tests: a Python worker is killed in the middle of pass one, once."""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

from ridge_spark.data.dataset import BlockDescriptor, open_split, read_block
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.spark import Read
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import Folds


def read_or_die(marker: str, block: BlockDescriptor) -> Block:
    if block.first_row > 8000 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return read_block(block)


class DyingEngine(InnerEngine):
    marker = ""

    def reader(self) -> Read:
        return partial(read_or_die, self.marker)


def main(data: str, marker: str) -> None:
    found = {}
    with spark_context("test") as sc:
        split = open_split(data, "train").limited(20_000)
        for name, engine in (("with a death", DyingEngine), ("without", InnerEngine)):
            visiting = engine(sc, split, None, 2, Progress(quiet=True))
            visiting.marker = marker  # type: ignore[attr-defined]
            groups = visiting.statistics(Folds.k(3))
            found[name] = [group.sha256() for group in groups]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
