"""Executor sizes and prices, from the nodes and the images."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr import prices, serverless_sizing, sizing
from emr.errors import EmrError
from emr.package import ROOT
from emr.serverless_sizing import allocation_options, size_for_serverless
from emr.sizing import APPLICATION_MASTER_MIB, Load, size_for_cluster
from emr.stack import Sizes
from tests.emr.yarn import documented

SIZES = Sizes(
    primary_type="m7g.xlarge", primary_vcpus=4, primary_mib=16384,
    worker_type="m7g.2xlarge", worker_vcpus=8, worker_mib=32768, yarn_mib=23424,
    workers_min=2, workers_max=4, spot_max=0, disk_gib=64, root_gib=30, endpoints=3,
    idle_minutes=30, max_vcpus=32, private_network=True, steps_at_once=2,
)  # fmt: skip
MNIST = Load(d=784, groups=2, shared_mib=45)


def configured_mib(memory_mib: int) -> int:
    """What terraform/yarn.tf tells YARN it has of a worker's memory."""
    table = re.findall(r"^ +(\d+) += (\d+)$", (ROOT / "terraform" / "yarn.tf").read_text(), re.M)
    return max(int(mib) for gib, mib in table if int(gib) * 1024 <= memory_mib)


@pytest.mark.parametrize(("instance_type", "vcpus", "memory_mib", "yarn_mib"), documented())
@pytest.mark.parametrize("load", [MNIST, Load(4096, 2, 2000), Load(784, 20, 6000)])
def test_no_more_is_asked_of_yarn_than_aws_documents(
    instance_type: str, vcpus: int, memory_mib: int, yarn_mib: int, load: Load
) -> None:
    configured = configured_mib(memory_mib)
    assert configured == (179_200 if memory_mib == 192 * 1024 else yarn_mib)
    assert configured <= yarn_mib
    nodes = replace(
        SIZES,
        worker_type=instance_type,
        worker_vcpus=vcpus,
        worker_mib=memory_mib,
        yarn_mib=configured,
    )
    masters = nodes.steps_at_once * APPLICATION_MASTER_MIB
    if load.executor_mib(1) > configured - masters:
        with pytest.raises(EmrError, match=rf"worker_type {instance_type} has"):
            size_for_cluster(load, nodes)
        return
    executor = size_for_cluster(load, nodes).executor
    assert executor.mib + masters == configured
    assert executor.heap_mib <= executor.overhead_mib or memory_mib < 32 * 1024


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
    assert sizes.executors == 4
    assert "8 Python workers" in sizes.reason
    options = sizes.options()
    assert "spark.default.parallelism=32" in options
    assert options[options.index("--executor-cores") + 1] == "8"


def test_large_images_leave_cores_idle_and_too_large_ones_are_refused() -> None:
    lean = replace(SIZES, worker_type="c7g.2xlarge", worker_mib=16384, yarn_mib=11712)
    assert "memory leaves" in size_for_cluster(Load(5000, 10, 6000), lean).reason
    with pytest.raises(EmrError, match=r"worker_type c7g\.2xlarge has .* choose a larger one"):
        size_for_cluster(Load(5000, 10, 60_000), lean)
    with pytest.raises(EmrError, match=r"primary_type m7g\.xlarge, .* choose a larger one"):
        size_for_cluster(Load(21_600, 2), SIZES)
    alone = size_for_cluster(Load(10_000, 2), replace(SIZES, steps_at_once=1))
    assert alone.driver.mib > SIZES.primary_mib * 9 // 20
    with pytest.raises(EmrError, match=r"shared by 2 jobs \(steps_at_once\), has .* to give"):
        size_for_cluster(Load(10_000, 2), SIZES)
    with pytest.raises(EmrError, match="for the driver, but a worker of 4 vCPUs has"):
        size_for_serverless(Load(21_600, 10), 32)


def test_many_folds_take_more_memory_than_a_holdout() -> None:
    holdout, folds = (size_for_cluster(Load(3000, groups), SIZES) for groups in (2, 50))
    assert folds.driver.overhead_mib > holdout.driver.overhead_mib + 40 * 8 * 3000**2 // 2**20
    assert folds.executor.heap_mib > holdout.executor.heap_mib


def test_in_cluster_mode_the_drivers_of_all_jobs_and_an_executor_share_a_node() -> None:
    sizes = size_for_cluster(Load(5000, 2), SIZES, "cluster")
    assert SIZES.steps_at_once * sizes.driver.mib + sizes.executor.mib <= SIZES.yarn_mib
    assert f"spark.driver.memoryOverhead={sizes.driver.overhead_mib}m" in sizes.options()
    statistics_and_work = 6 * 8 * 5000**2 // 2**20
    assert sizes.driver.overhead_mib > statistics_and_work


@given(
    d=st.integers(1, 4000),
    shared=st.integers(0, 60_000),
    vcpus=st.sampled_from([8, 10, 12, 16, 20, 32, 512]),
)
def test_serverless_workers_have_sizes_that_exist_and_fit_the_limit(
    d: int, shared: int, vcpus: int
) -> None:
    try:
        sizes = size_for_serverless(Load(d, 10, shared), vcpus)
    except EmrError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert f"within serverless_max_vcpus {vcpus}" in refused
        return
    (worker,) = (
        each
        for each in serverless_sizing.WORKERS
        if f"workers of {each.vcpus} vCPUs" in sizes.reason
    )
    assert sizes.cores == worker.vcpus
    at_once = sizes.cores // sizes.task_cpus
    load = Load(d, 10, shared)
    assert load.heap_mib(at_once) <= sizes.executor.heap_mib
    assert load.executor_mib(at_once) <= sizes.executor.mib
    gib, rest = divmod(sizes.executor.mib, 1024)
    assert rest == 0
    assert worker.least <= gib <= worker.most
    assert gib % worker.step == 0 or gib == worker.most
    driver_gib, rest = divmod(sizes.driver.mib, 1024)
    assert (rest, 8 <= driver_gib <= 30) == (0, True)
    assert sizes.executors >= 1
    assert 4 + sizes.executors * worker.vcpus <= vcpus
    assert driver_gib + sizes.executors * gib <= vcpus * 8


def test_small_images_take_the_smallest_serverless_worker() -> None:
    assert size_for_serverless(MNIST, 32).cores == 4


def test_a_small_limit_takes_a_smaller_worker_with_fewer_cores_busy() -> None:
    crowded = Load(784, 2, 50_000)
    assert "workers of 8 vCPUs" in size_for_serverless(crowded, 32).reason
    with pytest.raises(EmrError, match=r"within serverless_max_vcpus 8, has 30\.0 GiB to give"):
        size_for_serverless(crowded, 8)
    idle = size_for_serverless(Load(2000, 2, 25_000), 8)
    assert "workers of 4 vCPUs" in idle.reason
    half = size_for_serverless(Load(3000, 2, 26_894), 8)
    assert (half.cores, half.task_cpus) == (4, 2)
    assert "spark.task.cpus=2" in half.options()
    assert "spark.dynamicAllocation.maxExecutors=1" in allocation_options(idle)
    assert "spark.dynamicAllocation.initialExecutors=1" in allocation_options(idle)


def test_prices_of_the_default_cluster() -> None:
    assert prices.vcpus("m7g.large") == 2
    assert prices.vcpus("r7g.xlarge") == 4
    assert prices.vcpus("m7i.12xlarge") == 48
    assert prices.vcpus("m7g.metal") is None
    # m7g.xlarge is $0.1632 an hour, m7g.2xlarge $0.3264, EMR's share a quarter of each.
    nodes = (0.1632 + 2 * 0.3264) * 1.25
    disks, endpoints = 3 * (64 + 30) * 0.08 / 730, 3 * 0.01
    key = 1 / 730 + 0.003
    assert prices.cluster_hour(SIZES, 2) == pytest.approx(nodes + disks + endpoints + key)
    public = replace(SIZES, endpoints=0, private_network=False)
    assert prices.cluster_hour(public, 2) == pytest.approx(nodes + disks + 3 * 0.005 + key)


def test_every_relative_that_may_stand_in_is_dearer_and_has_a_price() -> None:
    types = (ROOT / "terraform" / "types.tf").read_text()
    table = types.split("relatives = {")[1].split("}")[0]
    rows = re.findall(r"(\w+) += \[(.*)\]", table)
    assert len(rows) > 10
    for chosen, relatives in rows:
        for relative in re.findall(r"\w+", relatives):
            assert prices.VCPU_HOUR[relative] > prices.VCPU_HOUR[chosen], (chosen, relative)


def test_the_bill_of_a_serverless_job_counts_its_disk() -> None:
    assert prices.serverless(1, 4, 100) > prices.serverless(1, 4) + 0.01


def test_the_forecast_says_what_is_not_known() -> None:
    assert "No price known" in prices.forecast("cluster", replace(SIZES, worker_type="x9z.large"))
    assert "30 idle minutes" in prices.forecast("cluster", SIZES)
    assert "Spot" in prices.forecast("cluster", replace(SIZES, spot_max=3))
    assert "nothing while idle" in prices.forecast("serverless", SIZES)
