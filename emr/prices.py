"""What it costs: list prices of us-east-1 in USD, good to tell a lunch from a lease.

Sources: AWS's public price pages for EC2, EMR, EBS, VPC endpoints and EMR Serverless. Other
regions differ by up to a third; the bill is right where this is not.
"""

from __future__ import annotations

import re

from emr.stack import Sizes

# On demand, a vCPU for an hour; the price of an instance is proportional to its size.
VCPU_HOUR = {
    "c5": 0.0425, "c6g": 0.034, "c7g": 0.03625, "c8g": 0.03988,
    "m5": 0.048, "m6g": 0.0385, "m6i": 0.048, "m7g": 0.0408, "m7i": 0.0504, "m8g": 0.04488,
    "r5": 0.063, "r6g": 0.0504, "r7g": 0.05355, "r8g": 0.05891,
}  # fmt: skip
EMR_SHARE = 0.25  # EMR's own charge on top of EC2's; less for the largest sizes
ENDPOINT_HOUR = 0.01
ADDRESS_HOUR = 0.005  # a public IPv4 address
GP3_GIB_HOUR = 0.08 / 730
SERVERLESS_ARM_VCPU_HOUR = 0.042094
KEY_HOUR = 1 / 730  # a KMS key; its requests are $0.03 for 10,000
KMS_REQUESTS_HOUR = 0.003  # 1,000: with bucket keys S3 asks seldom, disks and logs now and then
SERVERLESS_ARM_GB_HOUR = 0.004628
SERVERLESS_DISK_GB_HOUR = 0.000111  # beyond the 20 GB of each worker


def vcpus(instance_type: str) -> int | None:
    """VCPUs by the size in the name: large 2, xlarge 4, Nxlarge 4N."""
    size = re.fullmatch(r"[^.]+\.(?:(large)|(\d*)xlarge)", instance_type)
    if not size:
        return None
    return 2 if size[1] else 4 * int(size[2] or 1)


def node_hour(instance_type: str, disk_gib: int) -> float | None:
    """A node on demand for an hour with EMR's charge and its disks; None if not in the table."""
    rate, count = VCPU_HOUR.get(instance_type.split(".", maxsplit=1)[0]), vcpus(instance_type)
    if rate is None or count is None:
        return None
    return rate * count * (1 + EMR_SHARE) + disk_gib * GP3_GIB_HOUR


def cluster_hour(sizes: Sizes, workers: int) -> float | None:
    """The cluster with `workers` on-demand workers for an hour, network and key included."""
    disks = sizes.disk_gib + sizes.root_gib
    primary = node_hour(sizes.primary_type, disks)
    worker = node_hour(sizes.worker_type, disks)
    if primary is None or worker is None:
        return None
    addresses = 0 if sizes.private_network else 1 + workers
    nodes = primary + workers * worker + addresses * ADDRESS_HOUR + KMS_REQUESTS_HOUR
    return nodes + standing_hour(sizes)


def standing_hour(sizes: Sizes) -> float:
    """What stays for an hour when the nodes are gone: the network's endpoints and the key."""
    return sizes.endpoints * ENDPOINT_HOUR + KEY_HOUR


def serverless(vcpu_hours: float, memory_gb_hours: float, disk_gb_hours: float = 0) -> float:
    """A serverless job on ARM64."""
    return (
        vcpu_hours * SERVERLESS_ARM_VCPU_HOUR
        + memory_gb_hours * SERVERLESS_ARM_GB_HOUR
        + disk_gb_hours * SERVERLESS_DISK_GB_HOUR
    )


def without_nodes(sizes: Sizes) -> str:
    """One line: what a stack costs whose cluster has ended."""
    return (
        f"make emr-up starts another; until make emr-down its network and key cost about "
        f"${standing_hour(sizes):.2f} an hour."
    )


def forecast(target: str, sizes: Sizes) -> str:
    """One line: what having the stack up costs."""
    if target == "serverless":
        ceiling = serverless(sizes.max_vcpus, sizes.max_vcpus * 8)
        return f"Costs nothing while idle, at most about ${ceiling:.2f} an hour while jobs run."
    least, most = cluster_hour(sizes, sizes.workers_min), cluster_hour(sizes, sizes.workers_max)
    if least is None or most is None:
        return (
            f"No price known here for {sizes.primary_type} or {sizes.worker_type}: "
            "see AWS's price pages for EC2 and EMR."
        )
    spot = f", plus up to {sizes.spot_max} Spot nodes" if sizes.spot_max else ""
    return (
        f"Costs about ${least:.2f} an hour with {sizes.workers_min} workers, ${most:.2f} with "
        f"{sizes.workers_max}{spot} (list prices of us-east-1); "
        f"ends itself after {sizes.idle_minutes} idle minutes."
    )
