"""What the variables ask for, before anything is made: read from Terraform, wherever it is set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from emr import aws
from emr.terraform import Terraform

# Terraform's own names, evaluated by Terraform: what is set, else the defaults.
EXPRESSIONS = {
    "name": "var.name",
    "target": "var.target",
    "region": "var.region",
    "release": "local.release_label",
    "primary_types": "local.primary_types",
    "worker_types": "local.worker_types",
    "zone": "var.zone",
    "workers_max": "var.workers.max",
    "spot_max": "var.spot.max",
    "spot_types": "var.spot.types",
    "private": "!var.public_subnet",
    "data_locations": "var.data_locations",
    "max_vcpus": "var.serverless_max_vcpus",
    "package_dir": "var.package_dir",
}


@dataclass(frozen=True)
class Wanted:
    """The stack that would be made; of the types, the first is the chosen one."""

    name: str
    target: str
    region: str
    release: str
    primary_types: list[str]
    worker_types: list[str]
    zone: str | None
    workers_max: int
    spot_max: int
    spot_types: list[str]
    private: bool
    data_locations: list[str]
    max_vcpus: int
    package_dir: str

    @classmethod
    def from_terraform(cls, terraform: Terraform, variables: dict[str, str]) -> Self:
        parts = ", ".join(f"{name} = {value}" for name, value in EXPRESSIONS.items())
        values: dict[str, Any] = json.loads(terraform.evaluate(f"{{{parts}}}", variables))
        values["region"] = values["region"] or aws.session().region_name
        return cls(**values)

    @property
    def services(self) -> list[str]:
        """The services of the endpoints in a private subnet, as terraform/network.tf makes them."""
        if self.target != "cluster" or not self.private:
            return []
        usual = ("sts", "elasticmapreduce", "kms")
        names = [f"com.amazonaws.{self.region}.{each}" for each in usual]
        if self.release.startswith("emr-spark-8."):
            names.append(f"aws.api.{self.region}.emr-service-cell01")
        return names
