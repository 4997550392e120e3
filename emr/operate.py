"""Bringing the stack up and down: checked, priced and confirmed before anything changes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from emr import guard, preflight, prices
from emr.certificates import make_certificates
from emr.cluster import Cluster
from emr.errors import EmrError, one_line
from emr.speech import agrees, say
from emr.stack import Sizes, Stack
from emr.storage import count
from emr.terraform import NOT_YET_KNOWN, Terraform
from emr.wanted import Wanted
from emr.wheels import package_wheels


def plan(terraform: Terraform, target: str | None) -> None:
    """Show what `up` would make and what it costs; nothing is made."""
    with _planned(terraform, target):
        say(f"To make it: make emr-up{f' TARGET={target}' if target else ''}")


def up(terraform: Terraform, target: str | None, sure: bool, force: bool = False) -> None:
    """Make the stack, or bring it to what the files say; jobs that run end only by `force`."""
    with _planned(terraform, target) as planned:
        region = planned["planned_values"]["outputs"]["region"]["value"]
        with one_line():
            guard.require_idle(planned, region, force)
        if _changes(planned):
            _confirm("Make these changes?", sure)
            with one_line():
                guard.prepare_application(planned, region, force)
            _apply(terraform, target)
        else:
            say("Everything is up already.")
    stack = Stack.from_outputs(terraform.outputs())
    if stack.cluster_id:
        Cluster(stack).require_alive()
    say(f"Up: {stack.cluster_id or stack.application_id}. Next: make submit-outer")


def _apply(terraform: Terraform, target: str | None) -> None:
    """Apply the plan; once more if EC2 did not know a profile yet that was made a moment ago.

    The provider tries again where EMR's answer says so; a cluster may also be accepted and then
    end for the same reason, above all in a public subnet, where no endpoints take their time.
    """
    try:
        try:
            terraform.apply_planned()
        except EmrError as error:
            if not NOT_YET_KNOWN.search(str(error)):
                raise
            say(f"Once more, since AWS did not know the nodes' role yet ({error})")
            terraform.plan(_variables(target))
            terraform.apply_planned()
    except EmrError as error:
        raise EmrError(
            f"{error}. What was made so far is remembered: make emr-up goes on from there, "
            "make emr-down removes it"
        ) from error


def _variables(target: str | None) -> dict[str, str]:
    return {"target": target} if target else {}


def down(terraform: Terraform, sure: bool) -> None:
    """Destroy everything, the buckets' contents included, of a stack that is half made as well."""
    preflight.caller()
    terraform.init()
    outputs = terraform.outputs()
    if bucket := outputs.get("bucket"):
        with one_line():
            objects = count(bucket, outputs["region"])
        say(f"This ends {outputs['name']} and deletes {bucket} with its {objects} objects.")
    running = _running(outputs)
    if running:
        say(f"It is at work on {', '.join(running)}, which end too.")
    _confirm("Destroy it all?", sure)
    if application_id := outputs.get("application_id"):
        with one_line():
            guard.stop_application(application_id, outputs["region"])
    try:
        terraform.destroy({"target": outputs["target"]} if "target" in outputs else {})
    except EmrError as error:
        raise EmrError(f"{error}. Run make emr-down again: what is left still costs") from error
    say("Down: nothing is left that costs money.")


def _running(outputs: dict[str, Any]) -> list[str]:
    with one_line():
        if cluster_id := outputs.get("cluster_id"):
            return guard.active_steps(cluster_id, outputs["region"])
        if application_id := outputs.get("application_id"):
            return guard.active_runs(application_id, outputs["region"])
    return []


@contextmanager
def _planned(terraform: Terraform, target: str | None) -> Iterator[dict[str, Any]]:
    """Check, plan and price; yields the plan, and takes away what was only needed to apply it."""
    account = preflight.caller()
    terraform.init()
    there = terraform.outputs()
    guard.await_ending(there.get("cluster_id"), there.get("region") or "")
    variables = _variables(target)
    wanted = Wanted.from_terraform(terraform, variables)
    dist = terraform.folder / wanted.package_dir
    certificates = dist / "certificates.zip"
    try:
        if wanted.target == "cluster":
            worker_type = wanted.worker_types[0]
            with one_line():
                architecture = preflight.architecture(worker_type, wanted.region)
            say(f"Packing the wheels for {worker_type} ({architecture})")
            package_wheels(architecture, dist)
            make_certificates(wanted.region, certificates)
        planned = terraform.plan(variables)
        with one_line():
            preflight.check_plan(planned)
        outputs = planned["planned_values"]["outputs"]
        say(f"Account {account}, region {outputs['region']['value']}.")
        sizes = Sizes(**outputs["sizes"]["value"])
        say(prices.forecast(outputs["target"]["value"], sizes))
        yield planned
    finally:
        terraform.planned.unlink(missing_ok=True)
        # The nodes fetch it from the encrypted bucket; nobody needs the private key here.
        certificates.unlink(missing_ok=True)


def _changes(planned: dict[str, Any]) -> bool:
    changes = [*planned["resource_changes"], *planned.get("output_changes", {}).values()]
    return any(each.get("change", each)["actions"] != ["no-op"] for each in changes)


def _confirm(question: str, sure: bool) -> None:
    if sure:
        return
    if not sys.stdin.isatty():
        raise EmrError("Nobody is there to ask; say yes beforehand with YES=1 (--yes)")
    if not agrees(question):
        raise EmrError("Nothing was changed")
