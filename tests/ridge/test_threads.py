"""The limit on BLAS threads holds inside the block and is gone after it."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info

from ridge_spark.ridge.threads import blas_threads


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
