"""What the tests of EMR share: the command line, the bootstrap action, the provider's mirror."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from emr.package import ROOT
from emr.stack import Sizes, Stack

REGION = "us-east-1"
ARCHITECTURE = platform.machine()
GRAVITON = ARCHITECTURE == "aarch64"
# Nodes with the processor of this machine, so that what is made for them runs here.
WORKER, PRIMARY = ("m7g.2xlarge", "m7g.xlarge") if GRAVITON else ("m7i.2xlarge", "m7i.xlarge")
PLUGINS = (
    os.environ.get("RIDGE_TERRAFORM_PLUGINS", ""),
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
)

SIZES = Sizes(
    primary_type=PRIMARY,
    primary_vcpus=4,
    primary_mib=16384,
    worker_type=WORKER,
    worker_vcpus=8,
    worker_mib=32768,
    yarn_mib=23424,
    steps_at_once=2,
    workers_min=2,
    workers_max=4,
    spot_max=0,
    disk_gib=64,
    root_gib=30,
    endpoints=3,
    idle_minutes=30,
    max_vcpus=32,
    private_network=True,
)


def spark_env() -> dict[str, Any]:
    """What the cluster's configuration tells of S3, as terraform/cluster.tf does."""
    exported = {"AWS_REGION": REGION, "AWS_ENDPOINT_URL_S3": f"https://s3.{REGION}.amazonaws.com"}
    export = {"Classification": "export", "Properties": exported}
    return {"Classification": "spark-env", "Configurations": [export]}


def fleet(kind: str, instance_type: str, nodes: int) -> dict[str, Any]:
    types = [{"InstanceType": instance_type, "WeightedCapacity": 1}]
    return {
        "InstanceFleetType": kind,
        "TargetOnDemandCapacity": nodes,
        "InstanceTypeConfigs": types,
    }


def bootstrap(
    aws_command: Path, *arguments: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the bootstrap action as EMR does."""
    path = f"{aws_command}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", str(ROOT / "emr" / "bootstrap.sh"), *map(str, arguments)],
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass
class Cli:
    """`python -m emr` in a process of its own, on a stack that Terraform's state tells of."""

    terraform: Path
    cwd: Path

    def __call__(
        self, *arguments: str, expect: int | None = 0, timeout: float = 580, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "emr", *arguments],
            env=self.environment(**environment),
            cwd=self.cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if expect is not None:
            assert done.returncode == expect, done.stdout + done.stderr
        return done

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "RIDGE_TERRAFORM_DIR": str(self.terraform),
            **more,
        }


def make_cli(stack: Stack, tmp_path: Path) -> Cli:
    """The command line for a stack, whose outputs a real Terraform puts into a real state."""
    folder = tmp_path / "terraform"
    folder.mkdir()
    outputs = {**vars(stack), "sizes": vars(stack.sizes)}
    (folder / "main.tf.json").write_text(
        json.dumps({"output": {name: {"value": value} for name, value in outputs.items()}})
    )
    for command in (["init"], ["apply", "-auto-approve"]):
        subprocess.run(["terraform", *command], cwd=folder, check=True, capture_output=True)
    return Cli(folder, tmp_path)


def project_with(folder: Path, name: str, variables: str = "") -> Cli:
    """The project's Terraform in a copy with a state of its own, and the command line on it."""
    terraform = folder / "terraform"
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "terraform.tfvars")
    shutil.copytree(ROOT / "terraform", terraform, ignore=ignored)
    (folder / "emr").symlink_to(ROOT / "emr")
    dist = folder / "dist" / "emr"  # its own: a certificate comes and goes there
    dist.mkdir(parents=True)
    for packed in (ROOT / "dist" / "emr").glob("*wheels-*"):
        (dist / packed.name).symlink_to(packed)
    # Enough for a connection that is closed half-way; not so many that an error of moto's is
    # repeated for minutes. What is packed for EMR Serverless has to run on this machine.
    (terraform / "override.tf").write_text(
        'provider "aws" {\n  max_retries = 4\n}\n'
        f'locals {{\n  architecture = "{ARCHITECTURE}"\n}}\n'
    )
    (terraform / "terraform.tfvars").write_text(
        f'name = "{name}"\nprimary_type = "{PRIMARY}"\nworker_type = "{WORKER}"\n{variables}'
    )
    return Cli(terraform, folder)


def train_here(images: Path, out: Path, *options: str) -> dict[str, Any]:
    """The result of the same training on this machine's local engine."""
    command = [sys.executable, "-m", "ridge_spark", "train", "--engine", "local", "--json"]
    done = subprocess.run(
        [*command, "--data", str(images), "--out", str(out), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def mirror(path: str) -> Path | None:
    """The folder, if it is a mirror that has the AWS provider."""
    folder = Path(path).expanduser() if path else None
    if folder and list(folder.glob("*/hashicorp/aws")):
        return folder
    return None


def venv_with(home: Path, *requirements: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip("install", *requirements, python=str(home / "bin" / "python"))


def pip(*arguments: str, python: str = sys.executable) -> None:
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", *arguments, *quiet], check=True)


def user_who_may_submit(name: str) -> dict[str, str]:
    """Keys of a user with the policy that the documentation gives, for the stack `name`.

    Except that moto knows the resource of a call to KMS and IAM no better than "any".
    """
    text = (ROOT / "docs" / "emr-submit-policy.json").read_text()
    policy = json.loads(text.replace("ridge-spark", name))
    for statement in policy["Statement"]:
        if ":kms:" in json.dumps(statement) or "iam:PassRole" in json.dumps(statement):
            statement["Resource"] = "*"
    return keys_of_user(policy)[1]


def keys_of_user(policy: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """A new user with that policy: the name, and the keys as environment variables."""
    iam = boto3.client("iam", region_name=REGION)
    user = f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="only", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return user, {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


@contextmanager
def enforced_iam(endpoint: str) -> Iterator[None]:
    """From here on moto checks every call against the policies of whoever makes it."""

    def after(calls: str) -> None:
        request = urllib.request.Request(
            f"{endpoint}/moto-api/reset-auth",
            data=calls.encode(),
            method="POST",
            headers={"Content-Type": "text/plain"},
        )
        urllib.request.urlopen(request).close()

    after("0")
    try:
        yield
    finally:
        after("inf")
