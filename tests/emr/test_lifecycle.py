"""The whole path against moto: up, no drift, train on MNIST under enforced IAM, down, nothing left.

One apply and one destroy, since the provider's own waiting makes each a minute long: the tests of
this file share them and run in order.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from emr.stack import Stack
from tests.emr.moto_network import needed_objects
from tests.emr.policies import allows
from tests.emr.step_runner import ACCOUNT, StepRunner
from tests.emr.tools import (
    REGION,
    Cli,
    enforced_iam,
    project_with,
    train_here,
    user_who_may_submit,
)
from tests.engines.processes import spark_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NAME = "lifecycle"
BUCKET = f"{NAME}-{ACCOUNT}-{REGION}"
FAST = ("--poll", "1", "--log-wait", "30")


@pytest.fixture(scope="module")
def live(
    endpoint: str, wheels: Path, terraform_provider: None, tmp_path_factory: pytest.TempPathFactory
) -> Cli:
    variables = 'budget = { usd = 20, email = "you@example.com" }\n'
    variables += 'data_locations = ["s3://my-images/hands"]\n'
    return project_with(tmp_path_factory.mktemp("live") / "project", NAME, variables)


def terraform(cli: Cli, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["terraform", *arguments], cwd=cli.terraform, capture_output=True, text=True, check=False
    )


def test_the_plan_is_priced_and_nobody_is_asked_in_vain(live: Cli) -> None:
    done = live("up", expect=2)
    assert re.search(r"Costs about \$\d\.\d\d an hour with 2 workers", done.stderr)
    assert f"Account {ACCOUNT}, region us-east-1." in done.stderr
    assert done.stderr.splitlines()[-1].endswith("say yes beforehand with YES=1 (--yes)")
    assert not list(live.terraform.glob("*.tfplan"))
    assert not (live.cwd / "dist" / "emr" / "certificates.zip").exists()
    assert terraform(live, "state", "list").stdout == ""
    assert "Nothing is up yet" in live("status", expect=2).stderr


def test_up_and_no_drift(live: Cli) -> None:
    done = live("up", "--yes")
    assert "Next: make submit-outer" in done.stderr
    again = terraform(live, "plan", "-detailed-exitcode", "-no-color")
    assert again.returncode == 0, again.stdout
    assert not (live.cwd / "dist" / "emr" / "certificates.zip").exists()
    state = (live.terraform / "terraform.tfstate").read_text()
    assert "PRIVATE KEY" not in state
    assert "WAITING" in live("status").stdout


def test_the_s3_endpoint_lets_pass_what_is_needed_and_no_more(live: Cli) -> None:
    stack = Stack.from_outputs(json_outputs(live))
    found = boto3.client("ec2", region_name=REGION).describe_vpc_endpoints(
        Filters=[{"Name": "tag:Project", "Values": [NAME]}]
    )["VpcEndpoints"]
    (policy,) = (
        json.loads(each["PolicyDocument"])
        for each in found
        if each["ServiceName"] == f"com.amazonaws.{REGION}.s3"
    )
    logs = stack.logs.split("/")[2]
    passes = [
        *needed_objects(REGION, release_8=False),
        ("s3:GetObject", f"arn:aws:s3:::{stack.bucket}/data/a"),
        ("s3:ListBucket", f"arn:aws:s3:::{stack.bucket}"),
        ("s3:PutObject", f"arn:aws:s3:::{logs}/emr/a"),
        ("s3:GetObject", "arn:aws:s3:::my-images/hands/train/a"),
        ("s3:ListBucket", "arn:aws:s3:::my-images"),
    ]
    stays = [
        ("s3:GetObject", "arn:aws:s3:::somebody-elses/a"),
        ("s3:PutObject", "arn:aws:s3:::somebody-elses/a"),
        ("s3:GetObject", "arn:aws:s3:::my-images/feet/a"),
        ("s3:PutObject", "arn:aws:s3:::my-images/hands/a"),
        ("s3:PutObject", f"arn:aws:s3:::repo.{REGION}.emr.amazonaws.com/a"),
    ]
    assert [each for each in passes if not allows([policy], *each)] == []
    assert [each for each in stays if allows([policy], *each)] == []


def test_a_cluster_at_work_is_not_replaced(live: Cli) -> None:
    """Whatever would replace it: here a larger disk."""
    stack = Stack.from_outputs(json_outputs(live))
    emr = boto3.client("emr", region_name=REGION)
    jar = {"Jar": "command-runner.jar", "Args": ["spark-submit", "a.py"]}
    step = {"Name": "a", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
    (run_id,) = emr.add_job_flow_steps(JobFlowId=stack.cluster_id, Steps=[step])["StepIds"]
    done = live("up", "--yes", expect=2, TF_VAR_disk_gib="65")
    assert f"error: {stack.cluster_id} is at work on {run_id}, and this would end it" in done.stderr
    assert "or end it: FORCE=1" in done.stderr
    emr.cancel_steps(ClusterId=stack.cluster_id, StepIds=[run_id])
    assert "Everything is up already." in live("up").stderr  # and nobody is asked


def test_mnist_trains_under_enforced_iam_with_the_documented_permissions(
    live: Cli, endpoint: str, aws_command: Path, home: Path, tmp_path: Path
) -> None:
    """The node runs the cluster's own bootstrap action; caller and job may do what they need."""
    scratch = tmp_path / "nodes"
    scratch.mkdir()
    caller = user_who_may_submit(NAME)
    live.cwd = tmp_path
    spark = spark_home("installed")
    runner = StepRunner(endpoint, spark, scratch, home, aws_command)
    with runner, enforced_iam(endpoint):
        live("submit", "outer", *FAST, **caller)
        failed = live("submit", "inner", *FAST, "--", "--limit", "1", expect=1, **caller)
        status = live("status", **caller)
    assert "is empty among the 1 training images used" in failed.stderr
    assert "COMPLETED" in status.stdout
    assert "FAILED" in status.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    here = train_here(tmp_path / "data" / "mnist", tmp_path / "here")
    assert result["statistics_sha256"] == here["statistics_sha256"]
    assert result["test_accuracy"] == pytest.approx(0.865, abs=0.005)
    assert result["n_train"] == 60_000


def test_the_job_may_do_what_it_needs_and_nothing_else(live: Cli, endpoint: str) -> None:
    stack = Stack.from_outputs(json_outputs(live))
    logs = stack.logs.split("/")[2]
    ours = boto3.client("s3", region_name=REGION)
    ours.create_bucket(Bucket="elsewhere")
    for bucket in (stack.bucket, "elsewhere"):
        ours.put_object(Bucket=bucket, Key="data/a", Body=b"")
    role = boto3.client("sts", region_name=REGION).assume_role(
        RoleArn=stack.job_role_arn, RoleSessionName="test"
    )["Credentials"]
    job = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"], REGION)
    s3 = job.client("s3")
    allowed = {
        "read data": lambda: s3.get_object(Bucket=stack.bucket, Key="data/a"),
        "find data": lambda: s3.list_objects_v2(Bucket=stack.bucket, Prefix="data/"),
        "write a run": lambda: s3.put_object(Bucket=stack.bucket, Key="runs/a", Body=b""),
        "write a log": lambda: s3.put_object(Bucket=logs, Key="emr/a", Body=b""),
    }
    denied = {
        "change data": lambda: s3.put_object(Bucket=stack.bucket, Key="data/a", Body=b"x"),
        "change code": lambda: s3.put_object(Bucket=stack.bucket, Key="code/a", Body=b"x"),
        "change the bootstrap": lambda: s3.put_object(
            Bucket=stack.bucket, Key="environment/a", Body=b"x"
        ),
        "delete data": lambda: s3.delete_object(Bucket=stack.bucket, Key="data/a"),
        "delete runs": lambda: s3.delete_object(Bucket=stack.bucket, Key="runs/a"),
        "read another bucket": lambda: s3.get_object(Bucket="elsewhere", Key="data/a"),
        "write to another bucket": lambda: s3.put_object(
            Bucket="elsewhere", Key="runs/a", Body=b""
        ),
        "read logs": lambda: s3.get_object(Bucket=logs, Key="emr/a"),
        "write flow logs": lambda: s3.put_object(Bucket=logs, Key="AWSLogs/a", Body=b""),
        "drop the bucket": lambda: s3.delete_bucket(Bucket=stack.bucket),
        "open the bucket": lambda: s3.delete_public_access_block(Bucket=stack.bucket),
        "list all buckets": s3.list_buckets,
        "look at machines": lambda: job.client("ec2").describe_instances(),
        "end the cluster": lambda: job.client("emr").terminate_job_flows(
            JobFlowIds=[stack.cluster_id]
        ),
        "make users": lambda: job.client("iam").create_user(UserName="other"),
        "take another role": lambda: job.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{NAME}-service", RoleSessionName="other"
        ),
        "drop the key": lambda: job.client("kms").schedule_key_deletion(KeyId=stack.kms_key_arn),
    }
    with enforced_iam(endpoint):
        outcome = {what: attempt(call) for what, call in {**allowed, **denied}.items()}
    assert outcome == {
        **dict.fromkeys(allowed, "allowed"),
        **dict.fromkeys(denied, "denied"),
    }


def test_a_cluster_that_ended_itself_is_told_and_made_again(live: Cli) -> None:
    stack = Stack.from_outputs(json_outputs(live))
    boto3.client("emr", region_name=REGION).terminate_job_flows(JobFlowIds=[stack.cluster_id])
    done = live("submit", "outer", expect=2)
    assert re.search(r"error: The cluster j-\w+ has ended .* make emr-up", done.stderr)
    planned = terraform(live, "plan", "-no-color")
    assert "aws_emr_cluster.main[0] will be created" in planned.stdout
    status = live("status").stdout
    assert "until make emr-down its network and key cost about $0.03 an hour" in status


def test_down_leaves_nothing(live: Cli) -> None:
    done = live("down", "--yes")
    assert re.search(rf"deletes {BUCKET} with its \d+ objects", done.stderr)
    assert terraform(live, "state", "list").stdout == ""

    def client(service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    names = [each["Name"] for each in client("s3").list_buckets()["Buckets"]]
    assert not [name for name in names if name.startswith(NAME)]
    tagged = [{"Name": "tag:Project", "Values": [NAME]}]
    ec2 = client("ec2")
    assert ec2.describe_vpcs(Filters=tagged)["Vpcs"] == []
    assert ec2.describe_security_groups(Filters=tagged)["SecurityGroups"] == []
    endpoints = ec2.describe_vpc_endpoints(Filters=tagged)["VpcEndpoints"]
    assert [each for each in endpoints if each["State"].lower() != "deleted"] == []
    roles = [each["RoleName"] for each in client("iam").list_roles()["Roles"]]
    assert not [name for name in roles if name.startswith(f"{NAME}-")]
    budgets = client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
    assert budgets == []
    clusters = client("emr").list_clusters(ClusterStates=["STARTING", "RUNNING", "WAITING"])
    assert NAME not in [each["Name"] for each in clusters["Clusters"]]
    assert "Nothing is up yet" in live("status", expect=2).stderr


def json_outputs(cli: Cli) -> dict[str, Any]:
    found = json.loads(terraform(cli, "output", "-json").stdout)
    return {name: each["value"] for name, each in found.items()}


def attempt(call: Any) -> str:
    try:
        call()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return "denied" if status == 403 else f"failed: {error}"
    return "allowed"
