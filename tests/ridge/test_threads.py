"""Threads: the limit on those of BLAS, and work that is spread over several."""

from __future__ import annotations

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from ridge_spark.ridge.threads import AHEAD, blas_threads, parallel_map


def blas():
    import scipy.linalg.blas  # noqa: F401 - it brings a BLAS of its own

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("threads", [1, 2])
def test_every_blas_is_limited_and_restored(threads):
    before = blas()
    with blas_threads(2), blas_threads(threads):
        assert blas() == [threads] * len(before)
    assert blas() == before
    assert len(before) >= 1


def test_an_error_restores_them_too():
    before = blas()
    with pytest.raises(RuntimeError, match="inside"), blas_threads(1):
        raise RuntimeError("inside")
    assert blas() == before


@pytest.mark.parametrize("threads", [1, 2, 3])
class TestParallelMap:
    def test_results_come_in_order_from_that_many_threads(self, threads):
        seen = set()

        def work(i):
            seen.add(threading.get_ident())
            time.sleep(0.01 if i % 3 else 0)
            return i, blas()

        found = list(parallel_map(work, range(30), threads))
        assert [i for i, _ in found] == list(range(30))
        assert len(seen) in range(min(threads, 2), threads + 1)
        assert all(set(limits) == {1} for _, limits in found)

    def test_few_items_are_taken_before_they_are_needed(self, threads):
        taken = []
        results = parallel_map(lambda i: i, (taken.append(i) or i for i in range(1000)), threads)
        assert next(results) == 0
        assert len(taken) <= AHEAD * threads
        results.close()

    def test_an_error_in_the_work_or_in_the_items_comes_out(self, threads):
        before = blas()
        with pytest.raises(ZeroDivisionError):
            list(parallel_map(lambda i: 1 // (5 - i), range(10), threads))
        with pytest.raises(ZeroDivisionError):
            list(parallel_map(lambda i: i, (1 // (5 - i) for i in range(10)), threads))
        assert blas() == before
