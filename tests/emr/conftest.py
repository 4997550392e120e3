"""A moto server, the tools the nodes need, and stacks to submit jobs to."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.emrserverless.models import emrserverless_backends
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from emr.package import ROOT, sha256
from emr.stack import Stack
from emr.wheels import package_wheels
from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset
from tests.emr import moto_aws
from tests.emr.step_runner import ACCOUNT, StepRunner
from tests.emr.tools import (
    ARCHITECTURE,
    PLUGINS,
    PRIMARY,
    REGION,
    SIZES,
    WORKER,
    Cli,
    bootstrap,
    fleet,
    make_cli,
    mirror,
    spark_env,
    venv_with,
)
from tests.engines.processes import spark_home
from tests.support import alone_at, give_up


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a moto server, in the environment of everything that runs during the tests."""
    moto_aws.install()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
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
        "PIP_COMPILE": "0",  # what no test imports
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
    """The folder of an `aws` command, which every EMR node has: AWS's own, from PyPI.

    As in a private subnet it reaches nothing unless it is told the region: by itself it would ask
    S3 in us-east-1.
    """
    home = ROOT / ".cache" / "awscli"
    folder = home / "private"
    with alone_at(home):
        if not (home / "bin" / "aws").exists():
            venv_with(home, "awscli>=1.40,<2")
        folder.mkdir(exist_ok=True)
        command = folder / "aws"
        command.write_text(
            '#!/bin/sh\ncase " $* " in\n'
            f'  *" --region "*) exec {home}/bin/aws "$@" ;;\n'
            '  *) echo "Connect timeout on endpoint URL: https://s3.amazonaws.com" >&2; exit 255\n'
            "esac\n"
        )
        command.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def dist() -> Path:
    """Where the packages are built; kept, since wheels are large and change seldom."""
    return ROOT / "dist" / "emr"


@pytest.fixture(scope="session")
def wheels(dist: Path) -> Path:
    """What the nodes install: for this machine, as they run here."""
    with alone_at(dist):
        return package_wheels(ARCHITECTURE, dist)


@pytest.fixture(scope="session")
def node_python(
    endpoint: str,
    aws_command: Path,
    wheels: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A node's Python, installed by the bootstrap action from its archive in S3.

    The first process of the tests installs it; in the others the action finds that all is done.
    """
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
    s3.create_bucket(Bucket="environments")
    s3.upload_file(str(wheels), "environments", "wheels.tar")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all processes
    prefix = folder / "node" / "ridge-spark"
    with alone_at(prefix):
        archive = "s3://environments/wheels.tar"
        done = bootstrap(aws_command, archive, sha256(wheels), REGION, prefix)
    assert done.returncode == 0, done.stdout + done.stderr
    return prefix / "bin" / "python"


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
        StepConcurrencyLevel=SIZES.steps_at_once,
        Tags=[{"Key": "Project", "Value": name}],
        Configurations=[spark_env()],
        Instances={
            "KeepJobFlowAliveWhenNoSteps": True,
            "InstanceFleets": [fleet("MASTER", PRIMARY, 1), fleet("CORE", WORKER, 2)],
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
def serverless_stack(stack: Stack) -> Iterator[Stack]:
    """The same with an EMR Serverless application instead of a cluster.

    Its runs are gone after the test: the nodes of a later one would do what nobody waits for.
    """
    release = "emr-spark-8.1.0"
    application = boto3.client("emr-serverless", region_name=REGION).create_application(
        name=stack.name,
        releaseLabel=release,
        type="SPARK",
        clientToken=stack.name,
        maximumCapacity={"cpu": "32 vCPU", "memory": "256 GB", "disk": "640 GB"},
        tags={"Project": stack.name},
    )
    made = application["applicationId"]
    yield replace(
        stack,
        target="serverless",
        release_label=release,
        cluster_id=None,
        application_id=made,
    )
    emrserverless_backends[ACCOUNT][REGION].job_runs.pop(made, None)


@pytest.fixture
def runner(
    endpoint: str,
    aws_command: Path,
    node_python: Path,
    home: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[StepRunner]:
    """Nodes that run what is submitted, with the installed Spark or that of the parameter."""
    scratch = tmp_path / "nodes"
    scratch.mkdir()
    spark = spark_home(getattr(request, "param", "installed"))
    with StepRunner(endpoint, spark, scratch, home, aws_command, node_python) as running:
        yield running


@pytest.fixture
def cli(stack: Stack, tmp_path: Path, terraform_command: str) -> Cli:
    return make_cli(stack, tmp_path)


@pytest.fixture(scope="session")
def terraform_command() -> str:
    found = shutil.which("terraform")
    if not found:
        give_up("terraform is not on PATH; install Terraform 1.9 or later")
    return found


@pytest.fixture(scope="session")
def terraform_provider(
    terraform_command: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Terraform finds its AWS provider: in a mirror on this machine, or in the registry."""
    found = next((path for path in map(mirror, PLUGINS) if path), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOGC", "400")  # the provider's start is half of what a command computes
        if found:
            settings = tmp_path_factory.mktemp("terraform") / "cli.tfrc"
            place = f'filesystem_mirror {{\n    path = "{found}"\n  }}'
            settings.write_text(f"provider_installation {{\n  {place}\n}}\n")
            patch.setenv("TF_CLI_CONFIG_FILE", str(settings))
        yield
