"""A moto server, the tools the nodes need, and stacks to submit jobs to."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from emr.package import ROOT, sha256
from emr.stack import Sizes, Stack
from emr.wheels import package_wheels
from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset
from tests.emr import moto_emr
from tests.emr.step_runner import ACCOUNT, StepRunner

REGION = "us-east-1"
ARCHITECTURE = platform.machine()
GRAVITON = ARCHITECTURE == "aarch64"
WORKER, PRIMARY = ("m7g.2xlarge", "m7g.xlarge") if GRAVITON else ("m7i.2xlarge", "m7i.xlarge")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ridge-spark" / "tests"
SPARK_3 = "3.5.6"
SPARKS = ["3.5", "4.1"]
PLUGINS = [
    os.environ.get("RIDGE_TERRAFORM_PLUGINS", ""),
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
]


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a moto server, in the environment of everything that runs during the tests."""
    moto_emr.install()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    # A key that AWS never gave to anybody, and nothing from the machine's own AWS set-up.
    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CHECKPOINT_DISABLE": "1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_DEFAULT_REGION",
            "AWS_DEFAULT_PROFILE",
        ):
            patch.delenv(name, raising=False)
        for name, value in settings.items():
            patch.setenv(name, value)
        yield address
    server.stop()


@pytest.fixture(scope="session")
def aws_command(endpoint: str) -> Path:
    """The folder of an `aws` command, which every EMR node has: AWS's own, from PyPI."""
    home = CACHE / "awscli"
    if not (home / "bin" / "aws").exists():
        _venv_with(home, "awscli>=1.40,<2")
    return home / "bin"


@pytest.fixture(scope="session")
def spark_homes() -> dict[str, Path]:
    """The Spark of both release lines: 3.5.6 of emr-7.13 in a folder of its own, 4.1 as installed."""
    old = CACHE / f"pyspark-{SPARK_3}"
    if not (old / "pyspark" / "bin" / "spark-submit").exists():
        _pip("install", "--target", str(old), f"pyspark=={SPARK_3}")
    return {"3.5": old / "pyspark", "4.1": Path(sysconfig.get_path("purelib")) / "pyspark"}


@pytest.fixture(scope="session")
def dist() -> Path:
    """Where the packages are built; kept, since wheels are large and change seldom."""
    return ROOT / "dist" / "emr"


@pytest.fixture(scope="session")
def node_python(
    endpoint: str, aws_command: Path, dist: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A node's Python, installed by the bootstrap action from its archive in S3."""
    archive = package_wheels(ARCHITECTURE, dist)
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
    s3.create_bucket(Bucket="environments")
    s3.upload_file(str(archive), "environments", "wheels.tar")
    prefix = tmp_path_factory.mktemp("node") / "ridge-spark"
    done = bootstrap(aws_command, "s3://environments/wheels.tar", sha256(archive), prefix)
    assert done.returncode == 0, done.stdout + done.stderr
    return prefix / "bin" / "python"


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


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set small enough to train on in seconds: 600 images of 6 x 5 pixels in 3 classes."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 3, 900).astype(np.int32)
    noise = random.integers(0, 160, (900, 30))
    pixels = np.minimum(noise + 60 * (np.arange(30) % 3 == labels[:, None]), 255).astype(np.uint8)
    folder = tmp_path_factory.mktemp("images") / "stripes"
    about = Description((6, 5, 1), ("a", "b", "c"), "made for tests")
    write_dataset(
        str(folder),
        about,
        {"train": [(pixels[:600], labels[:600])], "test": [(pixels[600:], labels[600:])]},
    )
    return folder


SIZES = Sizes(
    primary_type=PRIMARY,
    primary_vcpus=4,
    primary_mib=16384,
    worker_type=WORKER,
    worker_vcpus=8,
    worker_mib=32768,
    workers_min=2,
    workers_max=4,
    spot_max=0,
    disk_gib=64,
    endpoints=3,
    idle_minutes=30,
    max_vcpus=32,
    private_network=True,
)


@pytest.fixture
def stack(endpoint: str, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A cluster and its buckets, made without Terraform; gone after the test."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**8}"
    s3, emr, iam = (boto3.client(each, region_name=REGION) for each in ("s3", "emr", "iam"))
    main, logs = f"{name}-main", f"{name}-logs"
    for bucket in (main, logs):
        s3.create_bucket(Bucket=bucket)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": []}))
    cluster = emr.run_job_flow(
        Name=name,
        ReleaseLabel="emr-7.13.0",
        LogUri=f"s3://{logs}/emr/",
        JobFlowRole=name,
        Instances={
            "KeepJobFlowAliveWhenNoSteps": True,
            "InstanceFleets": [
                {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1},
                {"InstanceFleetType": "CORE", "TargetOnDemandCapacity": 2},
            ],
        },
    )["JobFlowId"]
    yield Stack(
        name=name,
        target="cluster",
        region=REGION,
        release_label="emr-7.13.0",
        architecture=ARCHITECTURE,
        bucket=main,
        logs=f"s3://{logs}/emr/",
        kms_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/test",
        job_role_arn=role["Role"]["Arn"],
        cluster_id=cluster,
        application_id=None,
        sizes=SIZES,
    )
    emr.terminate_job_flows(JobFlowIds=[cluster])


@pytest.fixture
def serverless_stack(stack: Stack) -> Stack:
    """The same with an EMR Serverless application instead of a cluster."""
    application = boto3.client("emr-serverless", region_name=REGION).create_application(
        name=stack.name, releaseLabel=stack.release_label, type="SPARK", clientToken=stack.name
    )
    return replace(
        stack, target="serverless", cluster_id=None, application_id=application["applicationId"]
    )


@pytest.fixture
def runner(
    endpoint: str,
    spark_homes: dict[str, Path],
    aws_command: Path,
    node_python: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[StepRunner]:
    """Nodes that run what is submitted; Spark 4.1 unless the test is parametrised otherwise."""
    scratch = tmp_path / "nodes"
    scratch.mkdir()
    spark_home = spark_homes[getattr(request, "param", "4.1")]
    with StepRunner(endpoint, spark_home, scratch, aws_command, node_python) as running:
        yield running


@dataclass
class Cli:
    """`python -m emr` in a process of its own, on a stack that Terraform's state tells of."""

    terraform: Path
    cwd: Path

    def __call__(
        self, *arguments: str, expect: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "emr", *arguments],
            env=self.environment(**environment),
            cwd=self.cwd,
            capture_output=True,
            text=True,
            timeout=280,
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


@pytest.fixture
def cli(stack: Stack, tmp_path: Path, terraform_command: str) -> Cli:
    return make_cli(stack, tmp_path)


def make_cli(stack: Stack, tmp_path: Path) -> Cli:
    """The command line for a stack: its outputs in a real Terraform state, put there by Terraform."""
    folder = tmp_path / "terraform"
    folder.mkdir()
    outputs = {**vars(stack), "sizes": vars(stack.sizes)}
    (folder / "main.tf.json").write_text(
        json.dumps({"output": {name: {"value": value} for name, value in outputs.items()}})
    )
    for command in (["init"], ["apply", "-auto-approve"]):
        subprocess.run(["terraform", *command], cwd=folder, check=True, capture_output=True)
    return Cli(folder, tmp_path)


@pytest.fixture(scope="session")
def terraform_command() -> str:
    found = shutil.which("terraform")
    if not found:
        pytest.skip("terraform is not on PATH; install Terraform 1.9 or later")
    return found


@pytest.fixture(scope="session")
def terraform_provider(
    terraform_command: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Terraform finds its AWS provider: in a mirror on this machine, or in the registry."""
    mirror = next((path for path in map(_mirror, PLUGINS) if path), None)
    with pytest.MonkeyPatch.context() as patch:
        if mirror:
            settings = tmp_path_factory.mktemp("terraform") / "cli.tfrc"
            settings.write_text(
                f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
            )
            patch.setenv("TF_CLI_CONFIG_FILE", str(settings))
        yield


def _mirror(path: str) -> Path | None:
    folder = Path(path).expanduser() if path else None
    if folder and list(folder.glob("*/hashicorp/aws")):
        return folder
    return None


def _venv_with(home: Path, *requirements: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    _pip("install", *requirements, python=str(home / "bin" / "python"))


def _pip(*arguments: str, python: str = sys.executable) -> None:
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", *arguments, *quiet], check=True)
