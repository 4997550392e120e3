"""How many threads may work: BLAS in a `with` block, compiled loops in ranges."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from threading import Lock, Thread
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
Result = TypeVar("Result")

AHEAD = 4  # items for each thread that are waiting or at work


class _BlasLimit:
    """The limit on the threads of BLAS, which is one for the whole process: who holds it, and what.

    Each block that holds it asks for a number. The smallest of them is in force, whichever threads
    the blocks run on and in whatever order they end; when the last has ended, BLAS has again what
    it had before the first began.
    """

    def __init__(self) -> None:
        import scipy.linalg.blas  # noqa: F401 - so that the BLAS it brings is among those found

        self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        self._lock = Lock()
        self._held: list[int] = []
        self._before: list[int] = []
        self._in_force = 0

    def hold(self, threads: int) -> None:
        with self._lock:
            if not self._held:
                self._before = [library.get_num_threads() for library in self._libraries]
            self._held.append(threads)
            self._enforce()

    def release(self, threads: int) -> None:
        with self._lock:
            self._held.remove(threads)
            self._enforce()

    def _enforce(self) -> None:
        limit = min(self._held, default=0)
        if limit != self._in_force:
            for library, before in zip(self._libraries, self._before, strict=True):
                _set_threads(library, limit or before)
            self._in_force = limit


def _set_threads(library: Any, threads: int) -> None:
    """From any thread: threadpoolctl would let one thread alone, and ignore all others silently."""
    let_go = getattr(library, "clear_controlling_thread", lambda force: None)
    let_go(force=True)
    library.set_num_threads(threads)
    let_go(force=True)


_only_once = Lock()
_made_once = cache(_BlasLimit)  # finding the loaded BLAS libraries takes milliseconds


def _blas_limit() -> _BlasLimit:
    with _only_once:  # `cache` alone would let two threads make one each
        return _made_once()


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Limit every BLAS in this process to `threads` threads, at most, while the block runs.

    Blocks may overlap, in one thread or in several: while any runs that asks for fewer, BLAS has
    fewer. A generator must not yield inside of one, since its caller would run under the limit.
    """
    limit = _blas_limit()
    limit.hold(threads)
    try:
        yield
    finally:
        limit.release(threads)


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

    def limited(item: T) -> Result:  # around each item, so that nothing is held while suspended
        with blas_threads(1):
            return function(item)

    if threads == 1:
        yield from map(limited, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Result]] = deque()
        for item in items:
            ahead.append(pool.submit(limited, item))
            if len(ahead) == AHEAD * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
