"""Tasks side by side on the threads of this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ridge_spark.ridge.threads import blas_threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_threads(
    task: Callable[[Item], Result], items: Sequence[Item], threads: int, of_each: int
) -> list[Result]:
    """Return task(item) of each, as many at once as `threads` allow with `of_each` for BLAS."""
    at_once = max(1, min(threads // of_each, len(items)))
    with blas_threads(of_each), ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(task, items))
