"""`make emr-doctor`: one line for each thing that making the stack will need, with its remedy."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.emr.models import emr_backends

from emr import autopsy, doctor, permissions
from emr.doctor import NO, OK, UNKNOWN, Finding
from emr.errors import EmrError
from emr.stack import Stack
from emr.wanted import Wanted
from tests.emr import moto_account
from tests.emr.step_runner import ACCOUNT
from tests.emr.tools import PRIMARY, REGION, WORKER, enforced_iam, keys_of_user

WANTED = Wanted(
    name="ridge-spark",
    target="cluster",
    region=REGION,
    release="emr-7.14.0",
    primary_types=[PRIMARY],
    worker_types=[WORKER],
    zone=None,
    workers_max=4,
    spot_max=0,
    spot_types=[],
    private=True,
    data_locations=[],
    max_vcpus=32,
    package_dir="dist",
)
pytestmark = pytest.mark.usefixtures("endpoint")


def said(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(each.verdict, each.text) for each in findings]


def only(findings: Iterable[Finding]) -> tuple[str, str]:
    (found,) = said(findings)
    return found


def test_a_line_has_its_verdict_first() -> None:
    assert str(Finding(NO, "quota: too small; ask for more")).startswith("NO  quota: ")


def test_quotas_of_both_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(doctor.quotas(WANTED))[0] == OK
    assert len(said(doctor.quotas(replace(WANTED, spot_max=2)))) == 2
    monkeypatch.setitem(moto_account.quota_vcpus, "value", 16.0)
    verdict, text = only(doctor.quotas(WANTED))
    assert verdict == NO
    assert "16 vCPUs, 36 may be used; lower workers.max, or ask for more" in text
    verdict, text = only(doctor.quotas(replace(WANTED, target="serverless")))
    assert (verdict, "lower serverless_max_vcpus" in text) == (NO, True)


def test_a_release_and_its_spark_and_its_types() -> None:
    assert only(doctor.release(WANTED)) == (OK, "release: emr-7.14.0 has Spark 3.5.8")
    verdict, text = only(doctor.release(replace(WANTED, release="emr-7.99.0")))
    assert (verdict, "has no emr-7.99.0; choose another" in text) == (NO, True)
    lacking = said(doctor.release(replace(WANTED, worker_types=["x9z.xlarge"])))
    assert (NO, "release: emr-7.14.0 does not have x9z.xlarge; choose others") in lacking


def test_zones_with_the_types_and_the_services() -> None:
    verdict, text = only(doctor.zones(WANTED))
    assert verdict == OK
    assert "us-east-1a, us-east-1b, us-east-1c" in text
    assert "us-east-1f" in text
    release_8 = replace(WANTED, release="emr-spark-8.1.0")
    assert "us-east-1f" not in only(doctor.zones(release_8))[1]
    verdict, text = only(doctor.zones(replace(release_8, zone="us-east-1f")))
    assert (verdict, "set zone or other types" in text) == (NO, True)
    assert said(doctor.zones(replace(WANTED, target="serverless"))) == []


def test_data_locations(stack: Stack) -> None:
    s3 = boto3.client("s3", region_name=REGION)
    ohio = {"LocationConstraint": "us-east-2"}
    s3.create_bucket(Bucket="doctor-ohio", CreateBucketConfiguration=ohio)
    s3.put_object(Bucket=stack.bucket, Key="mine/train/0.parquet", Body=b"")
    places = [f"s3://{stack.bucket}/mine", f"s3://{stack.bucket}/nothing"]
    places += ["s3://doctor-ohio", "s3://doctor-nobody"]
    found = said(doctor.data(replace(WANTED, data_locations=places)))
    assert [verdict for verdict, _ in found] == [OK, NO, NO, NO]
    assert "holds nothing" in found[1][1]
    assert "is in us-east-2; copy it to us-east-1" in found[2][1]
    assert "s3://doctor-nobody: " in found[3][1]


def test_roles_of_aws_s_services() -> None:
    (cleanup, spot) = said(doctor.service_roles(replace(WANTED, spot_max=1)))
    assert cleanup[0] == UNKNOWN  # EMR makes it by itself
    assert spot[0] == NO
    assert spot[1].endswith(
        "once: aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
    )


def test_the_key(stack: Stack) -> None:
    kms = boto3.client("kms", region_name=REGION)
    key = kms.create_key()["KeyMetadata"]["KeyId"]

    class Outputs:
        def outputs(self) -> dict[str, Any]:
            return {"kms_key_arn": key}

    assert only(doctor.key(Outputs(), WANTED))[0] == OK  # type: ignore[arg-type]
    kms.disable_key(KeyId=key)
    assert "is Disabled; aws kms enable-key" in only(doctor.key(Outputs(), WANTED))[1]  # type: ignore[arg-type]


def test_permissions_are_those_of_the_documented_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = json.loads(permissions.POLICY.read_text())
    name, _ = keys_of_user(policy)
    identity = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert permissions.missing(identity, REGION, "ridge-spark") == ([], "IAM's simulation")
    missing, _ = permissions.missing(identity, REGION, "another-stack")
    assert "iam:CreateRole" in missing
    assert "ec2:CreateVpc" not in missing
    policy["Statement"] = [each for each in policy["Statement"] if each["Sid"] != "Application"]
    name, _ = keys_of_user(policy)
    (finding,) = doctor.permission_findings(f"arn:aws:iam::{ACCOUNT}:user/{name}", WANTED)
    assert finding.verdict == NO
    assert "emr-serverless:StopApplication" in finding.text
    assert "docs/emr-stack-policy.json has them all" in finding.text
    assert permissions.missing(f"arn:aws:iam::{ACCOUNT}:root", REGION, "a")[0] == []


def test_who_may_not_ask_iam_gets_dry_runs(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = ["ec2:*", "elasticmapreduce:*", "kms:*"]
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    name, keys = keys_of_user({"Version": "2012-10-17", "Statement": [statement]})
    for variable, value in keys.items():
        monkeypatch.setenv(variable, value)
    with enforced_iam(endpoint):
        missing, how = permissions.missing(f"arn:aws:iam::{ACCOUNT}:user/{name}", REGION, "a")
    assert "dry runs" in how
    assert missing == ["emr-serverless:ListApplications", "iam:ListRoles", "s3:ListAllMyBuckets"]


class NothingUp:
    """Terraform with a state that holds nothing."""

    def outputs(self) -> dict[str, Any]:
        return {}


def test_a_failed_start_on_one_page(stack: Stack) -> None:
    cluster = emr_backends[ACCOUNT][REGION].clusters[stack.cluster_id]

    def look() -> list[str]:
        return list(autopsy.autopsy(NothingUp(), stack.name, REGION))  # type: ignore[arg-type]

    assert look() == []
    cluster.state = "TERMINATED_WITH_ERRORS"
    cluster.last_state_change_reason = "On the master instance, bootstrap action 1 failed"
    log = "\n".join(f"line {i}" for i in range(40)) + "\nno python3.11 on this node\n"
    bucket = stack.logs.removeprefix("s3://").split("/")[0]
    boto3.client("s3", region_name=REGION).put_object(
        Bucket=bucket,
        Key=f"emr/{stack.cluster_id}/node/i-1/bootstrap-actions/1/stderr.gz",
        Body=gzip.compress(log.encode()),
    )
    lines = look()
    assert "did not start: On the master instance, bootstrap action 1 failed" in lines[0]
    assert lines[-1] == "bootstrap: no python3.11 on this node"
    assert len(lines) == 1 + autopsy.LINES


def test_a_failed_job_s_traceback(stack: Stack, images: Path) -> None:
    import emr.submit

    emr.submit.submit(stack, "outer", str(images), [])
    step = emr_backends[ACCOUNT][REGION].clusters[stack.cluster_id].steps[-1]
    step.state = "FAILED"
    bucket = stack.logs.removeprefix("s3://").split("/")[0]
    boto3.client("s3", region_name=REGION).put_object(
        Bucket=bucket,
        Key=f"emr/{stack.cluster_id}/steps/{step.id}/stderr.gz",
        Body=gzip.compress(b"ridge-spark: error: --seed x: must fit 64 bits\n"),
    )

    class Up(NothingUp):
        def outputs(self) -> dict[str, Any]:
            return {**vars(stack), "sizes": vars(stack.sizes)}

    lines = list(autopsy.autopsy(Up(), "nobody", REGION))  # type: ignore[arg-type]
    assert lines == [
        f"job {step.id} failed",
        "job: ridge-spark: error: --seed x: must fit 64 bits",
    ]


def test_one_check_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terraform(NothingUp):
        def init(self) -> None: ...

        def evaluate(self, expression: str, variables: dict[str, str]) -> str:
            assert "local.release_label" in expression
            return json.dumps({**vars(WANTED), "region": None})

    def broken(_: Wanted) -> Iterable[Finding]:
        raise EmrError("worker_type: no such thing")

    monkeypatch.setattr(doctor, "quotas", broken)
    found = said(doctor.examine(Terraform(), None))  # type: ignore[arg-type]
    assert found[0] == (OK, f"identity: account {ACCOUNT}, region us-east-1, cluster")
    assert (NO, "worker_type: no such thing") in found
    assert found[-1][1].startswith("AWSServiceRoleForEMRCleanup")
