"""Runs Terraform and turns what it says into one line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emr.errors import EmrError
from emr.package import ROOT

# A mirror of the provider for machines without a network; Terraform's own folders it looks into by
# itself.
PLUGINS = "/opt/tf-plugins"

NO_PROVIDER = re.compile("Failed to query available provider packages|Failed to install provider")
NOT_YET_KNOWN = re.compile(
    "Invalid InstanceProfile|Failed to authorize instance profile|does not know the nodes' role yet"
)
REMEDIES = {
    NOT_YET_KNOWN.pattern: "AWS does not know the nodes' role yet; once more: make emr-up",
    r"InsufficientInstanceCapacity|insufficient capacity|instance fleet .* timed out": "AWS has no "
    "capacity for these types there now; set zone to another one, or worker_alternatives to "
    "further types, in terraform.tfvars, then: make emr-up",
    r"checksums previously recorded": "the provider is not the one in .terraform.lock.hcl; for "
    "another one: terraform -chdir=terraform init -upgrade",
    r"VcpuLimitExceeded|vCPU limit": "the account's vCPU quota is too small; ask for more in "
    "Service Quotas (EC2, Running On-Demand Standard instances) or choose fewer or smaller workers",
    r"ExpiredToken|RequestExpired|token .* expired": "the AWS credentials have expired; renew them",
    r"No valid credential sources": "there are no AWS credentials; set AWS_PROFILE",
    r"Error acquiring the state lock": "another terraform is at work on this state; wait for it",
    r"BucketAlreadyExists|BucketAlreadyOwnedByYou": "a bucket of that name exists elsewhere; "
    "set another name in terraform.tfvars",
    NO_PROVIDER.pattern: "the AWS provider can't be fetched; check the network, or set "
    "RIDGE_TERRAFORM_PLUGINS to a folder that mirrors it",
    r"AccessDenied|UnauthorizedOperation|not authorized": "a permission is missing; "
    "docs/emr.md lists those that are needed",
    r"BucketNotEmpty": "a bucket is not empty and keep_bucket_contents is set; empty it first",
}


class ProviderMissingError(EmrError):
    """Terraform is there and its AWS provider is not."""


class Terraform:
    """One Terraform directory and its state."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(os.environ.get("RIDGE_TERRAFORM_DIR") or ROOT / "terraform")
        self.planned = self.folder / "next.tfplan"

    def init(self, *, backend: bool = True) -> None:
        options = [f"-backend={str(backend).lower()}", *_plugin_options()]
        self._show("init", "-input=false", *options, quiet=True)

    def validate(self) -> None:
        self._run("validate")

    def plan(self, variables: dict[str, str]) -> dict[str, Any]:
        """Plan into a file and return the plan as `terraform show -json` gives it."""
        options = [f"-var={name}={value}" for name, value in variables.items()]
        self._show("plan", "-input=false", f"-out={self.planned.name}", *options)
        return dict(json.loads(self._run("show", "-json", self.planned.name).stdout))

    def apply_planned(self) -> None:
        try:
            self._show("apply", "-input=false", self.planned.name)
        finally:
            self.planned.unlink(missing_ok=True)

    def destroy(self, variables: dict[str, str]) -> None:
        options = [f"-var={name}={value}" for name, value in variables.items()]
        self._show("destroy", "-input=false", "-auto-approve", *options)

    def evaluate(self, expression: str, variables: dict[str, str]) -> str:
        """The JSON of an expression's value."""
        options = [f"-var={each}={value}" for each, value in variables.items()]
        answer = self._run("console", *options, stdin=f"jsonencode({expression})\n").stdout
        return str(json.loads(answer.strip().splitlines()[-1]))

    def outputs(self) -> dict[str, Any]:
        """The outputs' values; empty if nothing was made."""
        found = json.loads(self._run("output", "-json").stdout or "{}")
        return {name: each["value"] for name, each in found.items()}

    def resources(self) -> list[str]:
        """The addresses of what the state knows of, without what was only looked at."""
        values = json.loads(self._run("show", "-json").stdout).get("values", {})
        found = values.get("root_module", {}).get("resources", [])
        return [each["address"] for each in found if each["mode"] == "managed"]

    def _run(
        self, *arguments: str, stdout: int = subprocess.PIPE, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        color = [] if sys.stderr.isatty() and stdout != subprocess.PIPE else ["-no-color"]
        command, *rest = arguments
        try:
            with _interrupts_left_to_terraform() as interrupted:
                done = subprocess.run(
                    ["terraform", command, *color, *rest],
                    check=False,
                    cwd=self.folder,
                    stdout=stdout,
                    input=stdin,
                    stderr=subprocess.PIPE,
                    text=True,
                )
        except FileNotFoundError as error:
            if not self.folder.is_dir():
                raise EmrError(f"{self.folder} is not there") from error
            raise EmrError("terraform is not on PATH; install Terraform 1.9 or later") from error
        if done.returncode and interrupted:
            raise EmrError(f"terraform {command} was interrupted")
        if done.returncode:
            raised = ProviderMissingError if NO_PROVIDER.search(done.stderr) else EmrError
            raise raised(f"terraform {command} failed: {summary(done.stderr)}")
        return done

    def _show(self, *arguments: str, quiet: bool = False) -> None:
        """Run with Terraform's progress on standard error, or nowhere."""
        self._run(*arguments, stdout=subprocess.DEVNULL if quiet else sys.stderr.fileno())


def _plugin_options() -> list[str]:
    """Where the provider is, if not in the registry or where Terraform looks by itself."""
    chosen = os.environ.get("RIDGE_TERRAFORM_PLUGINS")
    folder = Path(chosen or PLUGINS).expanduser()
    there = any(folder.glob("*/hashicorp/aws"))
    if chosen and not there:
        raise EmrError(f"RIDGE_TERRAFORM_PLUGINS={chosen}: no mirror with hashicorp/aws there")
    return [f"-plugin-dir={folder.resolve()}"] if there else []


@contextmanager
def _interrupts_left_to_terraform() -> Iterator[list[int]]:
    """Wait for Terraform after Ctrl-C, which reaches it too, and note that there was one.

    It finishes what it began and saves its state; killed, it would forget what it made.
    """
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, before)


def summary(stderr: str) -> str:
    """The first error of Terraform's boxes as one line, and the remedy where we know it."""
    text = re.sub(r"\x1b\[[0-9;]*m|[╷│╵]", "", stderr)
    found = re.search(r"^\s*Error: (.*?)(?=^\s*Error: |\Z)", text, re.DOTALL | re.MULTILINE)
    parts = [part.strip() for part in (found.group(1) if found else text).split("\n\n")]
    headline = re.sub(r"\s+", " ", parts[0])
    for pattern, remedy in REMEDIES.items():
        if re.search(pattern, text):
            return f"{headline[:200]}; {remedy}"
    detail = next(
        (part for part in parts[1:] if part and not part.startswith(("with ", "on "))), ""
    )
    return re.sub(r"\s+", " ", f"{headline}: {detail}" if detail else headline)[:400].rstrip(".")
