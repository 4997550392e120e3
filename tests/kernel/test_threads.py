"""As many threads as were asked for, none left over, and none that a fork would lose."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ridge_spark.ridge.kernel import accumulator
from ridge_spark.ridge.kernel.choose import PORTABLE
from ridge_spark.ridge.threads import parallel_ranges, run_on_threads
from tests.kernel.expected import assert_same, kernel_sums, numpy_sums
from tests.support import HANGS

RNG = np.random.default_rng(3)


class MostThreads:
    """Watches how many threads run Python while the `with` block runs, itself not counted."""

    def __enter__(self) -> MostThreads:
        self.most, self.over = 0, threading.Event()
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.watcher.join()

    def _watch(self) -> None:
        while not self.over.wait(0.001):
            self.most = max(self.most, threading.active_count() - 1)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_shares_are_worked_on_at_the_same_time(threads: int) -> None:
    """Nobody passes the barrier unless all are there at once."""
    barrier = threading.Barrier(threads, timeout=HANGS)
    parts: list[tuple[int, int]] = []

    def work(first: int, last: int) -> None:
        barrier.wait()
        parts.append((first, last))

    parallel_ranges(work, 100, threads)
    assert sorted(i for part in parts for i in range(*part)) == list(range(100))
    sizes = [last - first for first, last in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("count", "threads"), [(0, 4), (1, 4), (3, 4), (5, 0)])
def test_more_threads_than_work(count: int, threads: int) -> None:
    done: list[int] = []
    parallel_ranges(lambda first, last: done.extend(range(first, last)), count, threads)
    assert sorted(done) == list(range(count))


@pytest.mark.parametrize("part", range(3))
def test_an_error_on_any_thread_is_raised_when_all_have_ended(part: int) -> None:
    """A part that is missing would be a wrong sum."""
    ended: list[int] = []

    def work(i: int) -> None:
        if i == part:
            raise MemoryError(f"in part {part}")
        ended.append(i)

    with pytest.raises(MemoryError, match=f"in part {part}"):
        run_on_threads(work, 3)
    assert sorted(ended) == sorted({0, 1, 2} - {part})


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_more_threads_than_asked_for(kernel: str, threads: int) -> None:
    images, labels = RNG.integers(0, 256, (9000, 300), dtype=np.uint8), np.zeros(9000, np.int64)
    before = threading.active_count()
    several = [accumulator(300, 1, threads=threads) for _ in range(10)]
    with MostThreads() as watched:
        for sums in several:
            sums.add(images, labels)
    assert threading.active_count() == before
    assert watched.most <= before + threads - 1


def test_accumulators_in_several_threads(kernel: str) -> None:
    images, labels = RNG.integers(0, 256, (6000, 100), dtype=np.uint8), np.arange(6000) % 4
    blocks = [(images[i : i + 750], labels[i : i + 750]) for i in range(0, 6000, 750)]
    expected = numpy_sums(images, labels, 4)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(kernel_sums, blocks, 100, 4, threads=1 + i % 2) for i in range(12)]
    for future in futures:
        assert_same(future.result(), expected)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_can_go_on(kernel: str) -> None:
    """The way Spark's Python daemon makes its workers."""
    if kernel == PORTABLE:
        pytest.skip("BLAS answers for its own threads")
    images, labels = RNG.integers(0, 256, (5000, 90), dtype=np.uint8), np.zeros(5000, np.int64)
    sums = accumulator(90, 1, threads=2)
    sums.add(images, labels)
    child = os.fork()
    if not child:
        try:
            sums.add(images, labels)
            wide = images.astype(np.int64)
            os._exit(0 if (sums.finish()[0][2] == 2 * wide.T @ wide).all() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
