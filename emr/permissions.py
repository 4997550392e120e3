"""Whether the caller may do what making the stack takes: by IAM's own simulation, else dry runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from emr import aws
from emr.errors import EmrError, is_denied
from emr.package import ROOT

POLICY = ROOT / "docs" / "emr-stack-policy.json"
A_NETWORK = "10.71.0.0/16"


def missing(identity: str, region: str, name: str) -> tuple[list[str], str]:
    """The actions that the caller may not take for the stack `name`, and how that was found out."""
    if identity.endswith(":root"):
        return [], "the account's root user may do anything"
    try:
        return list(_simulated(identity, region, name)), "IAM's simulation"
    except ClientError as error:
        if not is_denied(error):
            raise
    return _tried(region), "dry runs and read-only calls, since you may not ask IAM"


def _simulated(identity: str, region: str, name: str) -> Iterator[str]:
    """Ask about each statement of the documented policy, for the resources that it names.

    A caller's own policy may be for other resources than all: what `*` answers tells nothing.
    """
    if not POLICY.exists():
        raise EmrError(f"{POLICY}: not there; run this from the project's folder")
    iam = aws.client("iam", region)
    account, source = identity.split(":")[4], _policy_source(iam, identity)
    pages = iam.get_paginator("simulate_principal_policy")
    for statement in json.loads(POLICY.read_text().replace("ridge-spark", name))["Statement"]:
        answers = pages.paginate(
            PolicySourceArn=source,
            ActionNames=statement["Action"],
            ResourceArns=[_of_this_account(statement["Resource"], region, account)],
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": values[:1]}
                for wanted in statement.get("Condition", {}).values()
                for key, values in wanted.items()
            ],
        )
        for answer in answers:
            for each in answer["EvaluationResults"]:
                if each["EvalDecision"] != "allowed":
                    yield each["EvalActionName"]


def _of_this_account(arn: str, region: str, account: str) -> str:
    if not arn.startswith("arn:"):
        return arn
    prefix, partition, service, place, owner, rest = arn.split(":", 5)
    place, owner = place.replace("*", region), owner.replace("*", account)
    return ":".join([prefix, partition, service, place, owner, rest])


def _policy_source(iam: Any, identity: str) -> str:
    """The user, or the role behind the session, whose own ARN may have a path that this lacks."""
    _, assumed, rest = identity.partition(":assumed-role/")
    if not assumed:
        return identity
    return str(iam.get_role(RoleName=rest.partition("/")[0])["Role"]["Arn"])


def _tried(region: str) -> list[str]:
    ec2 = aws.client("ec2", region)
    emr, serverless = aws.client("emr", region), aws.client("emr-serverless", region)
    tries: dict[str, Callable[[], Any]] = {
        "ec2:CreateVpc": lambda: ec2.create_vpc(CidrBlock=A_NETWORK, DryRun=True),
        "ec2:DescribeInstanceTypes": lambda: ec2.describe_instance_types(MaxResults=5),
        "elasticmapreduce:ListClusters": emr.list_clusters,
        "emr-serverless:ListApplications": serverless.list_applications,
        "iam:ListRoles": lambda: aws.client("iam", region).list_roles(MaxItems=1),
        "kms:ListAliases": lambda: aws.client("kms", region).list_aliases(Limit=1),
        "s3:ListAllMyBuckets": aws.client("s3", region).list_buckets,
    }
    return [action for action, call in tries.items() if not _may(call)]


def _may(call: Callable[[], Any]) -> bool:
    """False if AWS answers that it is not allowed; a dry run that would succeed is an error too."""
    try:
        call()
    except ClientError as error:
        return not is_denied(error)
    return True
