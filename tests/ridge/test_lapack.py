"""LAPACK as it is called here: other threads run while it works."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ridge_spark.ridge.lapack import call

N = 1500  # hundreds of milliseconds in each routine, unless many cores do it
TURNS = 20  # with the interpreter's lock held there are six at most, without it hundreds


def factor(A: np.ndarray) -> None:
    call("dpotrf", "L", N, A, N)


def solve_with_the_factor(A: np.ndarray) -> None:
    call("dpotrs", "L", N, N, A, N, np.eye(N), N)


def solve_a_triangle(A: np.ndarray) -> None:
    call("dtrtrs", "L", "N", "N", N, N, A, N, np.eye(N), N)


@pytest.mark.parametrize("work", [factor, solve_with_the_factor, solve_a_triangle])
def test_another_thread_runs_while_lapack_works(work):
    A = np.asfortranarray(np.eye(N) * N + np.ones((N, N)))
    begun, turns, over = threading.Event(), 0, threading.Event()

    def run():
        begun.set()
        for _ in range(3):  # calls alone, so that none of the turns are between them
            work(A)
        over.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(60)
    while not over.wait(0.001):  # each turn takes the lock anew
        turns += 1
    thread.join()
    assert turns > TURNS
