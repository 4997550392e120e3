"""How many threads BLAS may use, for the length of a `with` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


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
