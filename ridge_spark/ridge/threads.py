"""How many threads may work: BLAS in a `with` block, compiled loops in shares."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from threading import Thread
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
Result = TypeVar("Result")

AHEAD = 4  # items for each thread that are waiting or at work


@cache
def _controller() -> ThreadpoolController:
    """Finding the loaded BLAS libraries takes milliseconds: done once."""
    import scipy.linalg.blas  # noqa: F401 - so that the BLAS it brings is among those found

    return ThreadpoolController()


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Limit every BLAS in this process to `threads` threads while the block runs."""
    with _controller().limit(limits=threads, user_api="blas"):
        yield


def parallel_ranges(work: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call `work(first, last)` on `threads` threads, this one among them, to cover range(count).

    The threads are started here and are gone when it returns. They only help work that releases
    the interpreter's lock, as compiled code does. The first error on any of them is raised.
    """
    threads = max(1, min(threads, count))
    bounds = [count * i // threads for i in range(threads + 1)]
    parts = list(pairwise(bounds))
    errors: list[Exception] = []

    def help_out(first: int, last: int) -> None:
        try:
            work(first, last)
        except Exception as error:  # a thread would only print it, and its part would be missing
            errors.append(error)

    helpers = [Thread(target=help_out, args=part) for part in parts[1:]]
    for helper in helpers:
        helper.start()
    try:
        work(*parts[0])
    finally:
        for helper in helpers:
            helper.join()
    if errors:
        raise errors[0]


def run_on_threads(work: Callable[[int], None], count: int) -> None:
    """Call work(0), ..., work(count - 1) at once, each on a thread, this one among them."""

    def some(first: int, last: int) -> None:
        for i in range(first, last):
            work(i)

    parallel_ranges(some, count, count)


def parallel_map(
    function: Callable[[T], Result], items: Iterable[T], threads: int
) -> Iterator[Result]:
    """Yield function(item) of all `items`, in order, from `threads` threads with BLAS on one each.

    Items are taken as they are needed: of blocks that come one by one, a few are in memory at most.
    """
    with blas_threads(1):
        if threads == 1:
            yield from map(function, items)
            return
        with ThreadPoolExecutor(threads) as pool:
            ahead: deque[Future[Result]] = deque()
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) == AHEAD * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
