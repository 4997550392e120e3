"""Bringing the stack up and down: checked, priced and confirmed before anything changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from emr import aws, preflight, prices
from emr.certificates import make_certificates
from emr.errors import EmrError, one_line
from emr.package import ROOT
from emr.stack import Sizes, Stack
from emr.storage import Storage
from emr.terraform import Terraform
from emr.wheels import package_wheels

DIST = ROOT / "dist" / "emr"


def plan(terraform: Terraform, target: str | None) -> dict[str, Any]:
    """Check, plan and price; nothing is made. Returns the plan."""
    account = preflight.caller()
    terraform.init()
    variables = {"target": target} if target else {}
    if terraform.variable("target", variables) == "cluster":
        _package(terraform, DIST)
    planned = terraform.plan(variables)
    with one_line():
        preflight.check_plan(planned)
    outputs = planned["planned_values"]["outputs"]
    sizes = Sizes(**outputs["sizes"]["value"])
    _say(f"Account {account}, region {outputs['region']['value']}.")
    _say(prices.forecast(outputs["target"]["value"], sizes))
    return planned


def up(terraform: Terraform, target: str | None, sure: bool) -> None:
    """Make the stack, or bring it to what the files say."""
    planned = plan(terraform, target)
    if all(change["change"]["actions"] == ["no-op"] for change in planned["resource_changes"]):
        _say("Everything is up already.")
    _confirm("Make these changes?", sure)
    try:
        terraform.apply_planned()
    except EmrError as error:
        raise EmrError(
            f"{error}. What was made so far is remembered: make emr-up goes on from there, "
            "make emr-down removes it"
        ) from error
    # The nodes fetch it from the encrypted bucket; nobody needs the private key here any more.
    (DIST / "certificates.zip").unlink(missing_ok=True)
    stack = Stack.from_outputs(terraform.outputs())
    _say(f"Up: {stack.cluster_id or stack.application_id}. Next: make submit-outer")


def down(terraform: Terraform, sure: bool) -> None:
    """Destroy everything, the buckets' contents included."""
    preflight.caller()
    terraform.init()
    outputs = terraform.outputs()
    if outputs:
        stack = Stack.from_outputs(outputs)
        with one_line():
            objects = Storage(stack).count()
        _say(f"This ends {stack.name} and deletes {stack.bucket} with its {objects} objects.")
    _confirm("Destroy it all?", sure)
    try:
        terraform.destroy({"target": outputs["target"]} if outputs else {})
    except EmrError as error:
        raise EmrError(f"{error}. Run make emr-down again: what is left still costs") from error
    _say("Down: nothing is left that costs money.")


def _package(terraform: Terraform, dist: Path) -> None:
    """Build what Terraform uploads for the nodes: their wheels and their certificate."""
    region = terraform.variable("region", {}) or aws.session().region_name
    worker_type = terraform.variable("worker_type", {}) or ""
    with one_line():
        architecture = preflight.architecture(worker_type, region)
    _say(f"Packing the wheels for {worker_type} ({architecture})")
    package_wheels(architecture, dist)
    certificates = dist / "certificates.zip"
    if not certificates.exists():
        make_certificates(region, certificates)


def _confirm(question: str, sure: bool) -> None:
    if sure:
        return
    if not sys.stdin.isatty():
        raise EmrError("Nobody is there to ask; say yes beforehand with YES=1 (--yes)")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if input().strip().lower() not in ("y", "yes"):
        raise EmrError("Nothing was changed")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
