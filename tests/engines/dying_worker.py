"""A Spark job of the tests: what works is killed in the middle, once, and the job goes on.

A Python worker in pass one, and a whole executor while an iteration is at its fifth product with
the images. Prints JSON of what was found with a death and without.
"""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from ridge_spark.data.dataset import BlockDescriptor, Split, open_split, read_block
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.spark import Read
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.engines.view import BlockTask
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import Folds
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.training import train

DEADLY = 5  # the product in which the executor dies


def read_or_die(marker: str, executor: bool, block: BlockDescriptor) -> Block:
    if block.first_row > 8000 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(parent_of(os.getppid()) if executor else os.getpid(), signal.SIGKILL)
    return read_block(block)


def parent_of(pid: int) -> int:
    """Of the daemon that the Python workers come from, that is the executor's JVM."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class CountingEngine(InnerEngine):
    """Counts the products; `marker` is a file that tells of a death, if there is to be one."""

    marker = ""
    executor = False
    products = 0

    def reader(self) -> Read:
        if not self.marker or (self.executor and self.products != DEADLY):
            return super().reader()
        return partial(read_or_die, self.marker, self.executor)

    def sum_over_blocks(self, stage: str, task: BlockTask, split: Split) -> Any:
        self.products += stage == "product"
        return super().sum_over_blocks(stage, task, split)


def main(data: str, marker: str) -> None:
    found: dict[str, list[Any]] = {"with a death": [], "without": []}
    options = TrainOptions(data, "", (1e5,), Folds.holdout(0.2), side="operator")
    with spark_context("test") as sc:
        split = open_split(data, "train").limited(10_000)
        for name, results in found.items():
            engine = CountingEngine(sc, split, None, 2, Progress(quiet=True))
            engine.marker = f"{marker}-worker" if name == "with a death" else ""
            results += [group.sha256() for group in engine.statistics(Folds.k(3))]
            engine.executor = True
            engine.marker = f"{marker}-executor" if name == "with a death" else ""
            training = train(engine, options)
            results += [
                training.model.sha256(),
                training.tested.confusion.tolist(),
                engine.products,
            ]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
