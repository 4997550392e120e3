"""What Terraform made, read from its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from emr import aws
from emr.errors import EmrError


@dataclass(frozen=True)
class Sizes:
    """Nodes and their number.

    yarn_mib       what YARN has of a worker's memory, as its configuration says
    steps_at_once  how many jobs share the nodes
    endpoints      interface endpoints of the private network
    """

    primary_type: str
    primary_vcpus: int
    primary_mib: int
    worker_type: str
    worker_vcpus: int
    worker_mib: int
    yarn_mib: int
    steps_at_once: int
    workers_min: int
    workers_max: int
    spot_max: int
    disk_gib: int
    root_gib: int
    endpoints: int
    idle_minutes: int
    max_vcpus: int
    private_network: bool


@dataclass(frozen=True)
class Stack:
    """The outputs of `terraform/outputs.tf`."""

    name: str
    target: str
    region: str
    release_label: str
    architecture: str
    bucket: str
    logs: str
    kms_key_arn: str
    job_role_arn: str
    cluster_id: str | None
    application_id: str | None
    sizes: Sizes
    data_locations: Sequence[str] = ()

    @classmethod
    def from_outputs(cls, outputs: dict[str, Any]) -> Self:
        """From the values of `terraform output -json`; `EmrError` if there is no whole stack."""
        if not outputs:
            raise EmrError("Nothing is up yet (no Terraform outputs); start with: make emr-up")
        values = {each.name: outputs.get(each.name) for each in fields(cls)}
        serverless = values["target"] == "serverless"
        absent = "cluster_id" if serverless else "application_id"  # Terraform leaves nulls out
        missing = [name for name, value in values.items() if value is None and name != absent]
        if missing:
            raise EmrError(
                f"The stack is only half made (no {missing[0]}); "
                "make emr-up goes on from there, make emr-down removes it"
            )
        if outputs["sizes"].keys() != {each.name for each in fields(Sizes)}:
            raise EmrError(
                "The stack was made by another version of this project; bring it up to date with: "
                "make emr-up"
            )
        return cls(**{**values, "sizes": Sizes(**outputs["sizes"])})  # type: ignore[arg-type]

    def client(self, service: str) -> Any:
        """A boto3 client in the stack's region, with credentials read afresh."""
        return aws.client(service, self.region)
