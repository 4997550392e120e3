"""Every kernel that can run here, and the sums that NumPy gets in 64-bit integers."""

from __future__ import annotations

import pytest

from ridge_spark.ridge.kernel.choose import VARIABLE, runnable_kernels


@pytest.fixture(params=runnable_kernels())
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test once with each kernel that this processor can run."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param
