"""The local engine: one process streams the blocks from disk and works on them with threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ridge_spark.data.dataset import Split
from ridge_spark.engines.engine import Engine, Item, Result
from ridge_spark.engines.memory import peak_rss_mb
from ridge_spark.engines.on_threads import map_on_threads
from ridge_spark.engines.read_ahead import read_ahead
from ridge_spark.engines.resources import Resources
from ridge_spark.engines.view import BlockTask
from ridge_spark.progress import Progress


class LocalEngine(Engine):
    """Visits the blocks in order; the next ones are read while one is worked on."""

    name = runtime = "local"

    def __init__(self, train: Split, test: Split | None, threads: int, progress: Progress) -> None:
        super().__init__(train, test, Resources.local(threads), progress)

    def map(
        self,
        stage: str,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        threads: int | None = None,
    ) -> list[Result]:
        return map_on_threads(task, items, self.threads, threads or self.threads)

    def sum_over_blocks(self, stage: str, task: BlockTask, split: Split) -> Any:
        with self.progress.stage(stage, split.rows) as advance:
            return task(read_ahead(split.blocks, advance), threads=self.threads)

    def peak_rss_mb(self) -> float:
        return peak_rss_mb()
