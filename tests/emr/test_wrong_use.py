"""Wrong use: one clear line that names what is wrong and what to do, and nothing made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto

from emr import aws, preflight
from emr.errors import EmrError, explain
from emr.package import ROOT
from emr.stack import Stack
from emr.storage import Storage
from emr.terraform import summary
from tests.emr import moto_account
from tests.emr.tools import REGION, SIZES, Cli


def run(
    *arguments: str, cwd: Path = ROOT, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """The command line with these variables set, or unset where None."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-m", "emr", *arguments],
        env={name: value for name, value in given.items() if value is not None},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("command", ["plan", "up", "down"])
def test_no_credentials(endpoint: str, command: str) -> None:
    done = run(command, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert "No AWS credentials; set AWS_PROFILE" in error_of(done)


def test_an_unknown_profile_and_no_region(endpoint: str) -> None:
    assert "(nobody) could not be found; set AWS_PROFILE" in error_of(
        run("plan", AWS_PROFILE="nobody")
    )
    assert "No AWS region; set AWS_REGION" in error_of(run("plan", AWS_REGION=None))


def test_a_wrong_region(endpoint: str) -> None:
    done = run("plan", AWS_REGION="eu-nowhere-1", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "is AWS_REGION right, and the network up?" in error_of(done)


def test_terraform_is_missing(endpoint: str, tmp_path: Path) -> None:
    assert "terraform is not on PATH; install Terraform 1.9" in error_of(
        run("status", PATH=str(tmp_path))
    )
    nowhere = str(tmp_path / "nowhere")
    assert nowhere in error_of(run("status", RIDGE_TERRAFORM_DIR=nowhere))


def test_nothing_is_up(endpoint: str, terraform_command: str, tmp_path: Path) -> None:
    for command in (["status"], ["submit", "outer"], ["logs"], ["cancel", "s-1"], ["cost", "s-1"]):
        done = run(*command, RIDGE_TERRAFORM_DIR=str(tmp_path))
        assert "Nothing is up yet" in error_of(done)
        assert "make emr-up" in done.stderr


def test_data_that_is_not_there(cli: Cli, stack: Stack, tmp_path: Path) -> None:
    for data, said in (
        (str(tmp_path / "none"), "not a data set (no folder train in it)"),
        ("s3://no-such-bucket-anywhere/mnist", "there is no bucket no-such-bucket-anywhere"),
        (f"s3://{stack.bucket}/mnist", "nothing under train/"),
        ("https://example.com/mnist", "DATA is a folder or an address of the form s3://"),
        ("s3://", "not an address of the form s3://bucket/prefix"),
    ):
        assert said in error_of(cli("submit", "outer", "--data", data, expect=None))


def test_data_that_the_nodes_could_not_read(stack: Stack) -> None:
    s3 = boto3.client("s3", region_name=REGION)
    there = {"Europe": "EU", "Ohio": "us-east-2", "here": None}
    for name, place in there.items():
        home = {"CreateBucketConfiguration": {"LocationConstraint": place}} if place else {}
        s3.create_bucket(Bucket=f"images-{name.lower()}", **home)
        s3.put_object(Bucket=f"images-{name.lower()}", Key="a/train/0.parquet", Body=b"")
    storage = Storage(replace(stack, data_locations=["s3://images-ohio", "s3://images-here/a/"]))
    with pytest.raises(EmrError, match="bucket is in us-east-2, the stack in us-east-1; copy"):
        storage.require_data("s3://images-ohio/a")
    with pytest.raises(EmrError, match="bucket is in eu-west-1, the stack"):
        storage.require_data("s3://images-europe/a")
    storage.require_data("s3://images-here/a")
    s3.put_object(Bucket="images-here", Key="ab/train/0.parquet", Body=b"")
    with pytest.raises(EmrError, match="the jobs may not read there; add it to data_locations"):
        storage.require_data("s3://images-here/ab")
    s3.put_object(Bucket=stack.bucket, Key="data/a/train/0.parquet", Body=b"")
    storage.require_data(f"s3://{stack.bucket}/data/a")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fodls", "5"], "--fodls: no such option; did you mean --folds?"),
        (["--folds", "1"], "--folds 1: must be from 2 to 100"),
        (["--lambdas", "-1"], "every λ must be a finite number"),
        (["--out", "s3://elsewhere/runs"], "--data and --out are not for you to give"),
        (["--engine", "local"], "--data and --out are not for you to give"),
    ],
)
def test_a_job_s_options_are_refused_before_anything_is_uploaded(
    cli: Cli, stack: Stack, images: Path, options: list[str], said: str
) -> None:
    submitted = cli("submit", "outer", "--data", str(images), "--", *options, expect=None)
    assert said in error_of(submitted)
    s3 = boto3.client("s3", region_name=REGION)
    assert not s3.list_objects_v2(Bucket=stack.bucket)["KeyCount"]
    emr = boto3.client("emr", region_name=REGION)
    assert emr.list_steps(ClusterId=stack.cluster_id)["Steps"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cancel"], "Say which run: make emr-cancel STEP="),
        (["up", "--target", "kubernetes"], "invalid choice: 'kubernetes'"),
        (["follow", "s-1", "--poll", "often"], "argument --poll: invalid float value: 'often'"),
        (["subdue"], "invalid choice: 'subdue'"),
        (["submit", "outer", "--minutes", "4"], "argument --minutes: 4: a whole number from 5"),
        ([], "arguments are required: COMMAND"),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments: list[str], said: str) -> None:
    assert said in error_of(run(*arguments))


@pytest.mark.parametrize(("yes", "asks"), [("YES=1", False), ("YES=no", True), ("", True)])
def test_only_a_yes_is_a_yes(yes: str, asks: bool) -> None:
    command = ["make", "--dry-run", "emr-down", *yes.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ("emr down --yes" not in done.stdout) == asks


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("emr-up FORCE=1", "emr up   --force"),
        ("submit-outer NAME=a MINUTES=30", '--name "a" --minutes 30 --'),
        ("emr-doctor TARGET=serverless", "emr doctor --target serverless"),
        ("emr-smoke YES=1", "emr smoke  --yes"),
    ],
)
def test_make_passes_on_what_it_is_told(target: str, said: str) -> None:
    command = ["make", "--dry-run", *target.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said in done.stdout


def test_the_end_of_input_is_a_no(tmp_path: Path) -> None:
    code = "from emr.speech import agrees; print(agrees('Sure?'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("False\n", "Sure? [y/N] \n")


def test_a_folder_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "emr", tmp_path / "emr")
    shutil.copytree(ROOT / "ridge_spark", tmp_path / "ridge_spark")
    (tmp_path / "dist").write_text("a file where a folder has to be")
    done = run("package", PYTHONPATH=str(tmp_path), cwd=tmp_path)
    assert f"error: {tmp_path / 'dist'}: " in error_of(done)


def test_runs_and_clusters_that_are_gone(cli: Cli, stack: Stack, images: Path) -> None:
    for command in ("logs", "follow", "cost"):
        assert "Nothing was submitted yet" in error_of(cli(command, expect=None))
    for command in ("logs", "follow", "cost", "cancel"):
        assert "knows no step s-NOTHERE" in error_of(cli(command, "s-NOTHERE", expect=None))
    boto3.client("emr", region_name=REGION).terminate_job_flows(JobFlowIds=[stack.cluster_id])
    said = error_of(cli("submit", "outer", "--data", str(images), expect=None))
    assert f"The cluster {stack.cluster_id} has ended" in said
    assert "make emr-up" in said
    assert (
        not boto3.client("s3", region_name=REGION)
        .list_objects_v2(Bucket=stack.bucket)
        .get("Contents")
    )


def plan_that_creates(bucket: str) -> dict[str, Any]:
    outputs = {"region": {"value": REGION}, "sizes": {"value": vars(SIZES)}}
    change = {"actions": ["create"], "after": {"bucket": bucket}}
    return {
        "planned_values": {"outputs": outputs},
        "resource_changes": [
            {"type": "aws_s3_bucket", "change": change},
            {"type": "aws_emr_cluster", "change": {"actions": ["create"], "after": {}}},
        ],
    }


def test_a_bucket_that_exists_elsewhere(endpoint: str) -> None:
    preflight.check_plan(plan_that_creates("nobody-has-this-one"))
    boto3.client("s3", region_name=REGION).create_bucket(Bucket="somebody-has-this-one")
    with pytest.raises(EmrError, match="somebody-has-this-one exists already, outside this"):
        preflight.check_plan(plan_that_creates("somebody-has-this-one"))


def test_a_quota_that_is_too_small(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(moto_account.quota_vcpus, "value", 16.0)
    with pytest.raises(EmrError, match=r"may grow to 36 vCPUs, but .* us-east-1 is 16"):
        preflight.check_plan(plan_that_creates("nobody-has-this-one"))


def test_an_instance_type_that_does_not_exist(endpoint: str) -> None:
    assert preflight.architecture("m7g.2xlarge", REGION) == "aarch64"
    assert preflight.architecture("m7i.2xlarge", REGION) == "x86_64"
    with pytest.raises(EmrError, match=r"us-east-1 has no instance type m7g\.3xlarge"):
        preflight.architecture("m7g.3xlarge", REGION)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredTokenException", "have expired"),
        ("InvalidClientTokenId", "does not know these credentials"),
        ("AccessDenied", "docs/emr.md lists the permissions"),
        ("ValidationException", "AWS answered RunJobFlow with ValidationException: no\n way"),
    ],
)
def test_every_answer_becomes_one_line(code: str, said: str) -> None:
    error = boto.ClientError({"Error": {"Code": code, "Message": "no\n way"}}, "RunJobFlow")
    assert said.replace("\n", "") in explain(error)
    assert "\n" not in explain(error)


def test_terraform_s_boxes_become_one_line() -> None:
    box = (
        "╷\n│ Error: creating EMR Cluster: VcpuLimitExceeded: You have requested\n│ more\n│ \n"
        "│   with aws_emr_cluster.main[0],\n│   on cluster.tf line 30\n╵\n"
    )
    assert "ask for more in Service Quotas" in summary(box)
    assert "\n" not in summary(box)
    plain = "\nError: Invalid value for variable\n\n  on variables.tf line 3:\n\nname: 3 to 26\n"
    assert summary(plain) == "Invalid value for variable: name: 3 to 26"


def test_a_result_whose_names_lead_elsewhere_is_refused(stack: Stack, tmp_path: Path) -> None:
    s3 = aws.client("s3", REGION)
    s3.put_object(Bucket=stack.bucket, Key="runs/a/../../../evil", Body=b"x")
    with pytest.raises(EmrError, match="leads out of"):
        Storage(stack).download_folder(f"s3://{stack.bucket}/runs/a", tmp_path / "in" / "a")
    assert not (tmp_path / "evil").exists()
    assert not list((tmp_path).glob("**/evil"))


def test_a_run_that_left_nothing(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(EmrError, match="left no result there"):
        Storage(stack).download_folder(f"s3://{stack.bucket}/runs/a", tmp_path / "a")
    assert not list(tmp_path.iterdir())
