"""What the tests of EMR share: the command line, the bootstrap action, the provider's mirror."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    workers_min=2,
    workers_max=4,
    spot_max=0,
    disk_gib=64,
    endpoints=3,
    idle_minutes=30,
    max_vcpus=32,
    private_network=True,
)


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
