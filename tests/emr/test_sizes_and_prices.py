"""Executor sizes and prices, from the instance type and the images."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr import prices, sizing
from emr.errors import EmrError
from emr.sizing import size_for_cluster, size_for_serverless, yarn_mib
from emr.stack import Sizes

SIZES = Sizes(
    primary_type="m7g.xlarge", primary_vcpus=4, primary_mib=16384,
    worker_type="m7g.2xlarge", worker_vcpus=8, worker_mib=32768,
    workers_min=2, workers_max=4, spot_max=0, disk_gib=64, endpoints=3, idle_minutes=30,
    max_vcpus=32, private_network=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("memory_gib", "yarn_gib"),
    [(16, 12), (32, 24), (64, 56), (128, 120), (256, 248)],
)
def test_memory_for_yarn_is_what_emr_documents(memory_gib: int, yarn_gib: int) -> None:
    assert yarn_mib(memory_gib * 1024) == yarn_gib * 1024


@given(
    d=st.integers(1, 30_000),
    shared=st.integers(0, 40_000),
    vcpus=st.sampled_from([1, 2, 4, 8, 16, 48]),
    gib=st.integers(4, 512),
)
def test_an_executor_never_asks_for_more_than_its_container(
    d: int, shared: int, vcpus: int, gib: int
) -> None:
    container = gib * 1024
    if sizing.heap_mib(d, 1) + sizing.worker_mib(d) + shared > container:
        with pytest.raises(EmrError, match=r"^[^\n]*$"):
            sizing.fit_executor(d, shared, vcpus, container, "a node")
        return
    executor = sizing.fit_executor(d, shared, vcpus, container, "a node")
    assert 1 <= executor.cores <= vcpus
    assert executor.heap_mib + executor.overhead_mib == container
    assert executor.overhead_mib >= executor.cores * sizing.worker_mib(d) + shared
    if executor.cores < vcpus:  # one more would not fit
        more = executor.cores + 1
        needed = sizing.heap_mib(d, more) + more * sizing.worker_mib(d) + shared
        assert needed > container


def test_mnist_keeps_every_core_of_the_default_cluster_busy() -> None:
    sizes = size_for_cluster(784, 45, SIZES)
    assert sizes.executor.cores == 8
    assert sizes.parallelism == 32
    assert "8 Python workers" in sizes.reason
    options = sizes.options()
    assert options[options.index("--executor-cores") + 1] == "8"


def test_large_images_leave_cores_idle_and_too_large_ones_are_refused() -> None:
    lean = replace(SIZES, worker_type="c7g.2xlarge", worker_mib=16384)
    assert "memory leaves" in size_for_cluster(5000, 6000, lean).reason
    with pytest.raises(EmrError, match="choose a larger worker_type"):
        size_for_cluster(5000, 60_000, lean)
    with pytest.raises(EmrError, match="choose a larger primary_type"):
        size_for_cluster(21_600, 0, SIZES)


@given(d=st.integers(1, 4000), shared=st.integers(0, 60_000))
def test_serverless_workers_have_sizes_that_exist(d: int, shared: int) -> None:
    sizes = size_for_serverless(d, shared, 32)
    total = sizes.executor.heap_mib + sizes.executor.overhead_mib
    assert any(
        least * 1024 <= total <= most * 1024 and sizes.executor.cores <= vcpus
        for vcpus, least, most in sizing.SERVERLESS_WORKERS
    )


def test_small_images_take_the_smallest_serverless_worker() -> None:
    assert size_for_serverless(784, 45, 32).executor.cores == 4


def test_prices_of_the_default_cluster() -> None:
    assert prices.vcpus("m7g.large") == 2
    assert prices.vcpus("r7g.xlarge") == 4
    assert prices.vcpus("m7i.12xlarge") == 48
    assert prices.vcpus("m7g.metal") is None
    # m7g.xlarge is $0.1632 an hour, m7g.2xlarge $0.3264, EMR's share a quarter of each.
    nodes = (0.1632 + 2 * 0.3264) * 1.25
    disks, endpoints = 3 * 64 * 0.08 / 730, 3 * 0.01
    assert prices.cluster_hour(SIZES, 2) == pytest.approx(nodes + disks + endpoints)


def test_the_forecast_says_what_is_not_known() -> None:
    assert "No price known" in prices.forecast("cluster", replace(SIZES, worker_type="x9z.large"))
    assert "30 idle minutes" in prices.forecast("cluster", SIZES)
    assert "Spot" in prices.forecast("cluster", replace(SIZES, spot_max=3))
    assert "nothing while idle" in prices.forecast("serverless", SIZES)
