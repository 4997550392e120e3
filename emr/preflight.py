"""What is checked before anything is made: credentials, region, bucket names, quotas."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emr import aws
from emr.errors import EmrError, code, one_line
from emr.stack import Sizes

FEW_TRIES = 2  # a wrong region or no network should be told at once
ON_DEMAND_VCPUS = "L-1216C47A"  # Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances


def caller() -> str:
    """The account the credentials belong to; `EmrError` if there are none that work."""
    return identity().split(":")[4]


def identity() -> str:
    """The ARN the credentials belong to; `EmrError` if there are none that work."""
    with one_line():
        return str(aws.client("sts", tries=FEW_TRIES).get_caller_identity()["Arn"])


def architecture(instance_type: str, region: str) -> str:
    """Of the instance type's processor, as wheels name it; `EmrError` if there is no such type."""
    ec2 = aws.client("ec2", region)
    try:
        answer = ec2.describe_instance_types(InstanceTypes=[instance_type])
    except ClientError as error:
        if code(error) == "InvalidInstanceType":
            raise EmrError(f"worker_type: {region} has no instance type {instance_type}") from error
        raise
    supported = answer["InstanceTypes"][0]["ProcessorInfo"]["SupportedArchitectures"]
    return "aarch64" if "arm64" in supported else "x86_64"


def vcpus_of(instance_types: list[str], region: str) -> dict[str, int]:
    """The vCPUs of each type."""
    answer = aws.client("ec2", region).describe_instance_types(InstanceTypes=instance_types)
    found = answer["InstanceTypes"]
    return {each["InstanceType"]: each["VCpuInfo"]["DefaultVCpus"] for each in found}


def check_plan(plan: dict[str, Any]) -> None:
    """Raise `EmrError` if applying the plan is bound to fail half-way."""
    outputs = plan.get("planned_values", {}).get("outputs", {})
    region = outputs["region"]["value"]
    changes = plan.get("resource_changes", [])
    created = [each for each in changes if "create" in each["change"]["actions"]]
    for change in created:
        if change["type"] == "aws_s3_bucket":
            check_bucket(change["change"]["after"]["bucket"], region)
    for change in created:
        if change["type"] == "aws_emr_cluster":
            check_quota(Sizes(**outputs["sizes"]["value"]), region)
            check_types(change["change"]["after"], region)


def check_bucket(name: str, region: str) -> None:
    s3 = aws.client("s3", region)
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if code(error) in ("404", "NoSuchBucket"):
            return
        if code(error) not in ("403", "301"):
            raise
    raise EmrError(
        f"The bucket {name} exists already, outside this Terraform state; "
        "set another name in terraform.tfvars, or import the bucket"
    )


def check_types(cluster: dict[str, Any], region: str) -> None:
    """`EmrError` if the planned cluster has instance types that its release does not."""
    release = cluster.get("release_label", "")
    fleets = [*cluster.get("master_instance_fleet", []), *cluster.get("core_instance_fleet", [])]
    types = {
        each["instance_type"] for fleet in fleets for each in fleet.get("instance_type_configs", [])
    }
    supported = supported_types(release, region)
    if supported and not types <= supported:
        raise EmrError(
            f"{release} does not have {', '.join(sorted(types - supported))}; choose a later "
            "release_label, another type, or worker_alternatives = [] in terraform.tfvars"
        )


def supported_types(release: str, region: str) -> set[str]:
    """The instance types of an EMR release; none if they can't be asked for."""
    emr, types, page = aws.client("emr", region), set(), ""
    try:
        while True:
            marker = {"Marker": page} if page else {}
            answer = emr.list_supported_instance_types(ReleaseLabel=release, **marker)
            types |= {each["Type"] for each in answer.get("SupportedInstanceTypes", [])}
            page = answer.get("Marker", "")
            if not page:
                return types
    except (ClientError, BotoCoreError):
        return set()  # not everyone may ask; EMR itself will say it then


def check_quota(sizes: Sizes, region: str) -> None:
    """Compare the most vCPUs the cluster may grow to with the account's quota, if readable."""
    needed = sizes.primary_vcpus + sizes.workers_max * sizes.worker_vcpus
    quotas = aws.client("service-quotas", region)
    try:
        answer = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=ON_DEMAND_VCPUS)
    except (ClientError, BotoCoreError):
        return  # not everyone may read quotas; EMR itself will say it then
    quota = answer["Quota"]["Value"]
    if needed > quota:
        raise EmrError(
            f"The cluster may grow to {needed} vCPUs, but the account's quota in {region} is "
            f"{quota:.0f}; lower workers.max, or ask for more in Service Quotas ({ON_DEMAND_VCPUS})"
        )
