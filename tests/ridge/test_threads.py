"""Threads: the limit on those of BLAS, and work that is spread over several."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from ridge_spark import RidgeClassifier
from ridge_spark.ridge.kernel.portable import PortableAccumulator
from ridge_spark.ridge.threads import AHEAD, blas_threads, parallel_map
from tests.ridge.problems import noise_images


def blas():
    import scipy.linalg.blas  # noqa: F401 - it brings a BLAS of its own

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def wait_for(condition):
    while not condition():  # for ever: a limit that stays is a hang
        threading.Event().wait(0.001)


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


def test_blocks_that_overlap_on_several_threads_leave_the_limit_as_it_was():
    """The one that began first ends first: what the second found there was no limit of its own."""
    before, inside, first_is_over = blas(), [], threading.Event()
    second_is_in = threading.Event()

    def second():
        with blas_threads(1):
            second_is_in.set()
            first_is_over.wait(60)
            inside.append(blas())

    thread = threading.Thread(target=second)
    with blas_threads(1):
        thread.start()
        assert second_is_in.wait(60)
    first_is_over.set()
    thread.join()
    assert inside == [[1] * len(before)]
    assert blas() == before


def test_two_sums_and_a_third_who_calls_blas_leave_the_limit_as_it_was():
    before, products, together = blas(), [], threading.Barrier(2)

    def add_up(images):
        for _ in range(20):
            together.wait(60)
            sums = PortableAccumulator(images.shape[1], 3, threads=1)
            sums.add(images, np.arange(len(images)) % 3)

    def multiply():
        products.extend(np.ones((300, 300)) @ np.ones((300, 300)) for _ in range(100))

    few, many = (noise_images(n, 200, 3)[0] for n in (300, 3000))
    threads = [
        threading.Thread(target=add_up, args=(few,)),
        threading.Thread(target=add_up, args=(many,)),
        threading.Thread(target=multiply),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blas() == before
    assert len(products) == 100


def test_fits_on_several_threads_at_once_have_the_bits_of_one_alone():
    images, labels = noise_images(500, 300, 3)
    grid = [1.0, 100.0]

    def weights(_):
        return RidgeClassifier(grid, cv=3).fit(images, labels).coef_.tobytes()

    with ThreadPoolExecutor(3) as pool:
        assert len({weights(0), *pool.map(weights, range(6))}) == 1


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
        assert [limits for _, limits in found if set(limits) != {1}] == []

    def test_nothing_is_limited_while_it_waits_for_its_caller(self, threads):
        before = blas()
        results = parallel_map(lambda i: i, range(100), threads)
        next(results)
        wait_for(lambda: blas() == before)  # until those ahead are done
        results.close()
        assert blas() == before

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
