"""Executor sizes and prices, from the instance type and the images."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr import prices, sizing
from emr.errors import EmrError
from emr.sizing import Load, size_for_cluster, size_for_serverless, yarn_mib
from emr.stack import Sizes

SIZES = Sizes(
    primary_type="m7g.xlarge", primary_vcpus=4, primary_mib=16384,
    worker_type="m7g.2xlarge", worker_vcpus=8, worker_mib=32768,
    workers_min=2, workers_max=4, spot_max=0, disk_gib=64, endpoints=3, idle_minutes=30,
    max_vcpus=32, private_network=True,
)  # fmt: skip
MNIST = Load(d=784, groups=2, shared_mib=45)


@pytest.mark.parametrize(
    ("memory_gib", "yarn_gib"),
    [(16, 12), (32, 24), (64, 56), (128, 120), (256, 248)],
)
def test_memory_for_yarn_is_what_emr_documents(memory_gib: int, yarn_gib: int) -> None:
    assert yarn_mib(memory_gib * 1024) == yarn_gib * 1024


LOADS = st.builds(Load, st.integers(1, 30_000), st.integers(2, 100), st.integers(0, 40_000))


@given(load=LOADS, vcpus=st.sampled_from([1, 2, 4, 8, 16, 48]), gib=st.integers(4, 512))
def test_an_executor_never_asks_for_more_than_its_container(
    load: Load, vcpus: int, gib: int
) -> None:
    container = gib * 1024
    if load.executor_mib(1) > container:
        with pytest.raises(EmrError, match=r"^[^\n]*$"):
            sizing.fit_executor(load, vcpus, container, "a node")
        return
    cores, executor = sizing.fit_executor(load, vcpus, container, "a node")
    assert 1 <= cores <= vcpus
    assert executor.mib == container
    assert executor.overhead_mib >= cores * load.worker_mib + load.shared_mib
    if cores < vcpus:  # one more would not fit
        assert load.executor_mib(cores + 1) > container


def test_mnist_keeps_every_core_of_the_default_cluster_busy() -> None:
    sizes = size_for_cluster(MNIST, SIZES)
    assert sizes.cores == 8
    assert sizes.parallelism == 32
    assert "8 Python workers" in sizes.reason
    options = sizes.options()
    assert options[options.index("--executor-cores") + 1] == "8"


def test_large_images_leave_cores_idle_and_too_large_ones_are_refused() -> None:
    lean = replace(SIZES, worker_type="c7g.2xlarge", worker_mib=16384)
    assert "memory leaves" in size_for_cluster(Load(5000, 10, 6000), lean).reason
    with pytest.raises(EmrError, match=r"worker_type c7g\.2xlarge has .* choose a larger one"):
        size_for_cluster(Load(5000, 10, 60_000), lean)
    with pytest.raises(EmrError, match=r"primary_type m7g\.xlarge has .* choose a larger one"):
        size_for_cluster(Load(21_600, 2), SIZES)
    with pytest.raises(EmrError, match="for the driver, but a worker of 4 vCPUs has"):
        size_for_serverless(Load(21_600, 10), 32)


def test_many_folds_take_more_memory_than_a_holdout() -> None:
    holdout, folds = (size_for_cluster(Load(3000, groups), SIZES) for groups in (2, 50))
    assert folds.driver.overhead_mib > holdout.driver.overhead_mib + 40 * 8 * 3000**2 // 2**20
    assert folds.executor.heap_mib > holdout.executor.heap_mib


def test_in_cluster_mode_the_driver_and_an_executor_share_a_node() -> None:
    sizes = size_for_cluster(Load(5000, 2), SIZES, "cluster")
    assert sizes.driver.mib + sizes.executor.mib <= yarn_mib(SIZES.worker_mib)
    assert f"spark.driver.memoryOverhead={sizes.driver.overhead_mib}m" in sizes.options()
    statistics_and_work = 6 * 8 * 5000**2 // 2**20
    assert sizes.driver.overhead_mib > statistics_and_work


@given(d=st.integers(1, 4000), shared=st.integers(0, 60_000))
def test_serverless_workers_have_sizes_that_exist(d: int, shared: int) -> None:
    sizes = size_for_serverless(Load(d, 10, shared), 32)
    assert any(
        least * 1024 <= sizes.executor.mib <= most * 1024 and sizes.cores <= vcpus
        for vcpus, least, most in sizing.SERVERLESS_WORKERS
    )


def test_small_images_take_the_smallest_serverless_worker() -> None:
    assert size_for_serverless(MNIST, 32).cores == 4


def test_prices_of_the_default_cluster() -> None:
    assert prices.vcpus("m7g.large") == 2
    assert prices.vcpus("r7g.xlarge") == 4
    assert prices.vcpus("m7i.12xlarge") == 48
    assert prices.vcpus("m7g.metal") is None
    # m7g.xlarge is $0.1632 an hour, m7g.2xlarge $0.3264, EMR's share a quarter of each.
    nodes = (0.1632 + 2 * 0.3264) * 1.25
    disks, endpoints = 3 * 64 * 0.08 / 730, 3 * 0.01
    assert prices.cluster_hour(SIZES, 2) == pytest.approx(nodes + disks + endpoints)
    public = replace(SIZES, endpoints=0, private_network=False)
    assert prices.cluster_hour(public, 2) == pytest.approx(nodes + disks + 3 * 0.005)


def test_the_forecast_says_what_is_not_known() -> None:
    assert "No price known" in prices.forecast("cluster", replace(SIZES, worker_type="x9z.large"))
    assert "30 idle minutes" in prices.forecast("cluster", SIZES)
    assert "Spot" in prices.forecast("cluster", replace(SIZES, spot_max=3))
    assert "nothing while idle" in prices.forecast("serverless", SIZES)
