"""What it costs: list prices of us-east-1 in USD, good to tell a lunch from a lease.

Sources: AWS's public price pages for EC2, EMR, EBS, VPC endpoints and EMR Serverless. Other
regions differ by up to a third; the bill is right where this is not.
"""

from __future__ import annotations

import re

from emr.stack import Sizes

# On demand, a vCPU for an hour; the price of an instance is proportional to its size.
VCPU_HOUR = {
    "c5": 0.0425, "c6g": 0.034, "c7g": 0.03625,
    "m5": 0.048, "m6g": 0.0385, "m6i": 0.048, "m7g": 0.0408, "m7i": 0.0504,
    "r5": 0.063, "r6g": 0.0504, "r7g": 0.05355,
}  # fmt: skip
EMR_SHARE = 0.25  # EMR's own charge on top of EC2's; less for the largest sizes
ENDPOINT_HOUR = 0.01
ADDRESS_HOUR = 0.005  # a public IPv4 address
GP3_GIB_HOUR = 0.08 / 730
SERVERLESS_ARM_VCPU_HOUR = 0.042094
SERVERLESS_ARM_GB_HOUR = 0.004628


def vcpus(instance_type: str) -> int | None:
    """VCPUs by the size in the name: large 2, xlarge 4, Nxlarge 4N."""
    size = re.fullmatch(r"[^.]+\.(?:(large)|(\d*)xlarge)", instance_type)
    if not size:
        return None
    return 2 if size[1] else 4 * int(size[2] or 1)


def node_hour(instance_type: str, disk_gib: int) -> float | None:
    """A node on demand for an hour with EMR's charge and its disk; None if not in the table."""
    rate, count = VCPU_HOUR.get(instance_type.split(".", maxsplit=1)[0]), vcpus(instance_type)
    if rate is None or count is None:
        return None
    return rate * count * (1 + EMR_SHARE) + disk_gib * GP3_GIB_HOUR


def cluster_hour(sizes: Sizes, workers: int) -> float | None:
    """The cluster with `workers` on-demand workers for an hour, endpoints included."""
    primary = node_hour(sizes.primary_type, sizes.disk_gib)
    worker = node_hour(sizes.worker_type, sizes.disk_gib)
    if primary is None or worker is None:
        return None
    addresses = 0 if sizes.private_network else 1 + workers
    return primary + workers * worker + sizes.endpoints * ENDPOINT_HOUR + addresses * ADDRESS_HOUR


def serverless(vcpu_hours: float, memory_gb_hours: float) -> float:
    """A serverless job on ARM64."""
    return vcpu_hours * SERVERLESS_ARM_VCPU_HOUR + memory_gb_hours * SERVERLESS_ARM_GB_HOUR


def without_nodes(sizes: Sizes) -> str:
    """One line: what a stack costs whose cluster has ended."""
    return (
        f"make emr-up starts another; until make emr-down its network costs about "
        f"${sizes.endpoints * ENDPOINT_HOUR:.2f} an hour."
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
