"""Checks, before anything costs money, what `make emr-up` and the jobs will need of the account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from emr import aws, permissions, preflight
from emr.autopsy import autopsy
from emr.errors import EmrError, code, explain
from emr.preflight import ON_DEMAND_VCPUS
from emr.storage import LEGACY_REGIONS, split
from emr.terraform import Terraform
from emr.wanted import Wanted

SPOT_VCPUS = "L-34B43A08"  # All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests
SERVERLESS_VCPUS = "L-D05C8A75"  # Max concurrent vCPUs per account
OK, NO, UNKNOWN = "ok", "NO", "??"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it."""

    verdict: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict}  {self.text}"


def examine(terraform: Terraform, target: str | None) -> Iterator[Finding]:
    """Every check's findings in turn; one that may not ask says so and the others go on."""
    identity = preflight.identity()
    terraform.init()
    wanted = Wanted.from_terraform(terraform, {"target": target} if target else {})
    account = identity.split(":")[4]
    yield Finding(OK, f"identity: account {account}, region {wanted.region}, {wanted.target}")
    checks: list[Callable[[Wanted], Iterable[Finding]]] = [
        lambda each: permission_findings(identity, each),
        quotas,
        release,
        zones,
        lambda each: key(terraform, each),
        data,
        service_roles,
    ]
    for check in checks:
        try:
            yield from check(wanted)
        except EmrError as error:
            yield Finding(NO, str(error))
        except (ClientError, BotoCoreError) as error:
            yield Finding(UNKNOWN, explain(error))
    for line in autopsy(terraform, wanted.name, wanted.region):
        yield Finding(NO, line)


def permission_findings(identity: str, wanted: Wanted) -> Iterator[Finding]:
    missing, how = permissions.missing(identity, wanted.region, wanted.name)
    if missing:
        yield Finding(
            NO, f"permissions: not allowed ({how}): {', '.join(missing)}; "
            "docs/emr-stack-policy.json has them all",
        )  # fmt: skip
    else:
        yield Finding(OK, f"permissions: all that could be asked about ({how})")


def quotas(wanted: Wanted) -> Iterator[Finding]:
    if wanted.target == "serverless":
        yield quota(
            wanted.region, "emr-serverless", SERVERLESS_VCPUS, wanted.max_vcpus,
            "lower serverless_max_vcpus",
        )  # fmt: skip
        return
    vcpus = preflight.vcpus_of([wanted.primary_types[0], wanted.worker_types[0]], wanted.region)
    primary, worker = (vcpus[each[0]] for each in (wanted.primary_types, wanted.worker_types))
    most = primary + wanted.workers_max * worker
    yield quota(wanted.region, "ec2", ON_DEMAND_VCPUS, most, "lower workers.max")
    if wanted.spot_max:
        spot = wanted.spot_max * worker
        yield quota(wanted.region, "ec2", SPOT_VCPUS, spot, "lower spot.max")


def quota(region: str, service: str, number: str, wanted: int, remedy: str) -> Finding:
    client = aws.client("service-quotas", region)
    try:
        answer = client.get_service_quota(ServiceCode=service, QuotaCode=number)
    except (ClientError, BotoCoreError) as error:
        return Finding(UNKNOWN, f"quota {number}: {explain(error)}")
    there = answer["Quota"]["Value"]
    text = f"quota {number} ({service}): {there:.0f} vCPUs, {wanted} may be used"
    if wanted <= there:
        return Finding(OK, text)
    return Finding(NO, f"{text}; {remedy}, or ask for more in Service Quotas")


def release(wanted: Wanted) -> Iterator[Finding]:
    """That the release exists, which Spark it has, and whether it has the instance types."""
    emr = aws.client("emr", wanted.region)
    try:
        answer = emr.describe_release_label(ReleaseLabel=wanted.release)
    except ClientError as error:
        if code(error) not in ("InvalidRequestException", "ValidationException"):
            raise
        yield Finding(NO, f"release_label: {wanted.region} has no {wanted.release}; choose another")
        return
    spark = [each["Version"] for each in answer["Applications"] if each["Name"] == "Spark"]
    yield Finding(OK, f"release: {wanted.release} has Spark {spark[0] if spark else '?'}")
    if wanted.target == "cluster":
        supported = preflight.supported_types(wanted.release, wanted.region)
        types = {wanted.primary_types[0], wanted.worker_types[0]}
        if supported and not types <= supported:
            lacking = ", ".join(sorted(types - supported))
            yield Finding(NO, f"release: {wanted.release} does not have {lacking}; choose others")


def zones(wanted: Wanted) -> Iterator[Finding]:
    """In which zones there are the instance types and the services of the endpoints."""
    if wanted.target != "cluster":
        return
    ec2 = aws.client("ec2", wanted.region)
    places = []
    for chosen in (wanted.primary_types[0], wanted.worker_types[0]):
        only = [{"Name": "instance-type", "Values": [chosen]}]
        answer = ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=only
        )
        places.append({each["Location"] for each in answer["InstanceTypeOfferings"]})
    for service in wanted.services:
        try:
            answer = ec2.describe_vpc_endpoint_services(ServiceNames=[service])
        except ClientError as error:
            if code(error) != "InvalidServiceName":
                raise
            yield Finding(NO, f"endpoints: {wanted.region} has no {service}; choose another region")
            return
        places.append(set(answer["ServiceDetails"][0]["AvailabilityZones"]))
    there = sorted(set.intersection(*places))
    types = f"{wanted.primary_types[0]} and {wanted.worker_types[0]}"
    if not there or (wanted.zone and wanted.zone not in there):
        where = f"only {', '.join(there)}" if there else f"no zone of {wanted.region}"
        yield Finding(NO, f"zones: {where} has {types} and the endpoints; set zone or other types")
    else:
        yield Finding(OK, f"zones: {', '.join(there)} have {types} and the endpoints")


def key(terraform: Terraform, wanted: Wanted) -> Iterator[Finding]:
    """The stack's key if there is a stack, else whether keys can be had at all."""
    kms = aws.client("kms", wanted.region)
    arn = terraform.outputs().get("kms_key_arn")
    if not arn:
        kms.list_aliases(Limit=1)
        yield Finding(OK, "key: KMS answers; emr-up makes the key")
        return
    state = kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    if state == "Enabled":
        yield Finding(OK, "key: the stack's key is enabled")
    else:
        yield Finding(NO, f"key: the stack's key is {state}; aws kms enable-key, or: make emr-down")


def data(wanted: Wanted) -> Iterator[Finding]:
    """That the caller reads each of `data_locations`, and that it is in the stack's region."""
    s3 = aws.client("s3", wanted.region)
    for location in wanted.data_locations:
        bucket, prefix = split(location)
        try:
            place = s3.get_bucket_location(Bucket=bucket).get("LocationConstraint")
            found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        except ClientError as error:
            yield Finding(NO, f"data_locations: {location}: {explain(error)}")
            continue
        home = LEGACY_REGIONS.get(place, place)
        if home != wanted.region:
            remedy = f"copy it to {wanted.region}"
            yield Finding(NO, f"data_locations: {location} is in {home}; {remedy}")
        elif not found.get("KeyCount"):
            yield Finding(NO, f"data_locations: {location} holds nothing; is it the right prefix?")
        else:
            yield Finding(OK, f"data_locations: {location} can be read")


def service_roles(wanted: Wanted) -> Iterator[Finding]:
    """The roles that AWS's services have in an account once they were used there."""
    needed = {"AWSServiceRoleForEMRCleanup": "elasticmapreduce.amazonaws.com"}
    if wanted.target == "serverless":
        needed = {"AWSServiceRoleForAmazonEMRServerless": "ops.emr-serverless.amazonaws.com"}
    elif wanted.spot_max:
        needed["AWSServiceRoleForEC2Spot"] = "spot.amazonaws.com"
    iam = aws.client("iam", wanted.region)
    for role, service in needed.items():
        try:
            iam.get_role(RoleName=role)
        except ClientError as error:
            if code(error) != "NoSuchEntity":
                raise
            verdict = NO if "Spot" in role else UNKNOWN
            remedy = f"aws iam create-service-linked-role --aws-service-name {service}"
            yield Finding(verdict, f"{role}: not in this account yet; once: {remedy}")
        else:
            yield Finding(OK, f"{role}: there")
