"""What YARN has of a node on EMR, from AWS's tables, and what Spark refuses for want of it."""

from __future__ import annotations

import re
from typing import Any

# yarn.nodemanager.resource.memory-mb of EMR's releases, which yarn.scheduler.maximum-allocation-mb
# equals: "Task configuration" of the EMR Release Guide, HBase not installed.
DOCUMENTED_MIB = {
    "c6g": {"xlarge": 5632, "2xlarge": 11712},
    "c7g": {
        "xlarge": 5632, "2xlarge": 11712, "4xlarge": 23424, "8xlarge": 54272, "12xlarge": 85504,
        "16xlarge": 116736,
    },
    "c8g": {
        "xlarge": 5632, "2xlarge": 11712, "4xlarge": 23424, "8xlarge": 54272, "12xlarge": 85504,
        "16xlarge": 116736, "24xlarge": 179200,
    },
    "m6g": {"2xlarge": 23424},
    "m7g": {
        "xlarge": 11712, "2xlarge": 23424, "4xlarge": 54272, "8xlarge": 116736,
        "12xlarge": 179200, "16xlarge": 241664,
    },
    "m7i": {
        "xlarge": 11712, "2xlarge": 23424, "4xlarge": 54272, "8xlarge": 116736,
        "12xlarge": 181248, "16xlarge": 241664,
    },
    "m8g": {
        "xlarge": 11712, "2xlarge": 23424, "4xlarge": 54272, "8xlarge": 116736,
        "12xlarge": 181248, "16xlarge": 241664, "24xlarge": 366592, "48xlarge": 741376,
    },
    "r6g": {"2xlarge": 54272},
    "r7g": {
        "xlarge": 23424, "2xlarge": 54272, "4xlarge": 116736, "8xlarge": 241664,
        "12xlarge": 366592, "16xlarge": 491520,
    },
    "r8g": {"xlarge": 23424, "2xlarge": 54272},
}  # fmt: skip
GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8}


def documented() -> list[tuple[str, int, int, int]]:
    """Each type of the tables: its vCPUs, its memory in MiB, what YARN has of it."""
    rows = []
    for family, sizes in DOCUMENTED_MIB.items():
        for size, mib in sizes.items():
            vcpus = 4 * int(size.removesuffix("xlarge") or 1)
            rows.append((f"{family}.{size}", vcpus, vcpus * GIB_PER_VCPU[family[0]] * 1024, mib))
    return rows


def maximum_mib(cluster: Any) -> int:
    """The largest container: as the cluster was configured, else the release's own choice."""
    for each in cluster.configurations:
        given = {key.lower(): value for key, value in each.items()}
        if given.get("classification") == "yarn-site":
            limits = given.get("properties", {})
            if "yarn.scheduler.maximum-allocation-mb" in limits:
                return int(limits["yarn.scheduler.maximum-allocation-mb"])
    (core,) = (each for each in cluster.fleets if each["InstanceFleetType"] == "CORE")
    types = [each["InstanceType"].split(".") for each in core["InstanceTypeSpecifications"]]
    return min(DOCUMENTED_MIB[family][size] for family, size in types)


def memory_of(command: list[str], who: str) -> tuple[int, int]:
    """The memory and the overhead that a command line asks of Spark for `driver` or `executor`."""
    settings = dict(part.split("=", 1) for part in command if part.startswith("spark."))
    option = f"--{who}-memory"
    memory = command[command.index(option) + 1] if option in command else "1g"
    mib = _mib(memory)
    return mib, _mib(settings.get(f"spark.{who}.memoryOverhead", f"{max(384, mib // 10)}m"))


def refusal(command: list[str], cluster: Any, cluster_mode: bool) -> str | None:
    """What Spark's YARN client says of a container that is too large for every node."""
    most = maximum_mib(cluster)
    asked = {"executor": memory_of(command, "executor")}
    if cluster_mode:
        asked["AM"] = memory_of(command, "driver")
    for who, (memory, overhead) in asked.items():
        if memory + overhead > most:
            return (
                f"java.lang.IllegalArgumentException: Required {who} memory ({memory} MB), "
                f"overhead ({overhead} MB) is above the max threshold ({most} MB) of this cluster!"
            )
    return None


def _mib(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text.lower()).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit == "g" else 1)
