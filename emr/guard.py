"""What runs is not ended by the way: looks before Terraform replaces, changes or destroys it."""

from __future__ import annotations

import time
from typing import Any

from botocore.exceptions import ClientError

from emr import aws
from emr.errors import EmrError, code, one_line
from emr.speech import say

ACTIVE_STEPS = ["PENDING", "CANCEL_PENDING", "RUNNING"]
ACTIVE_RUNS = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED", "CANCELLING"]
ENDED_APPLICATION = {"CREATED", "STOPPED", "TERMINATED"}
GONE = {"InvalidRequestException", "ValidationException", "ClusterNotFound"}
GONE |= {"ResourceNotFoundException"}
POLL_SECONDS = 10.0
MOST_SECONDS = 1800.0


def active_steps(cluster_id: str, region: str) -> list[str]:
    """The cluster's steps that run or wait; none if it has ended."""
    emr = aws.client("emr", region)
    try:
        answer = emr.list_steps(ClusterId=cluster_id, StepStates=ACTIVE_STEPS)
    except ClientError as error:
        if code(error) in GONE:
            return []
        raise
    return [step["Id"] for step in answer["Steps"]]


def active_runs(application_id: str, region: str) -> list[str]:
    """The application's job runs that run or wait; none if it is gone."""
    emr = aws.client("emr-serverless", region)
    try:
        answer = emr.list_job_runs(applicationId=application_id, states=ACTIVE_RUNS)
    except ClientError as error:
        if code(error) in GONE:
            return []
        raise
    return [run["id"] for run in answer["jobRuns"]]


def require_idle(plan: dict[str, Any], region: str, force: bool) -> None:
    """`EmrError` if applying the plan would end a cluster with steps, whatever the reason."""
    change = _change(plan, "aws_emr_cluster")
    if change is None or "delete" not in change["change"]["actions"]:
        return
    cluster_id = change["change"]["before"]["id"]
    steps = active_steps(cluster_id, region)
    if steps and not force:
        raise EmrError(
            f"{cluster_id} is at work on {', '.join(steps)}, and this would end it "
            f"({_reason(change)}); wait (make emr-follow), cancel them, or end it: FORCE=1"
        )


def prepare_application(plan: dict[str, Any], region: str, force: bool) -> None:
    """Stop the application where the plan changes or ends it: AWS refuses both while it is up."""
    change = _change(plan, "aws_emrserverless_application")
    if change is None or not {"update", "delete"} & set(change["change"]["actions"]):
        return
    application_id = change["change"]["before"]["id"]
    runs = active_runs(application_id, region)
    if runs and not force:
        raise EmrError(
            f"{application_id} is at work on {', '.join(runs)}, and this would end it "
            f"({_reason(change)}); wait (make emr-follow), cancel them, or end it: FORCE=1"
        )
    stop_application(application_id, region)


def stop_application(
    application_id: str, region: str, poll: float = POLL_SECONDS, most: float = MOST_SECONDS
) -> None:
    """Cancel what runs, stop the application and wait until it has stopped.

    It would by itself, but only after its idle time.
    """
    emr = aws.client("emr-serverless", region)

    def state() -> str:
        try:
            answer = emr.get_application(applicationId=application_id)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return "TERMINATED"
            raise
        return str(answer["application"]["state"])

    if state() in ENDED_APPLICATION:
        return
    for run in active_runs(application_id, region):
        emr.cancel_job_run(applicationId=application_id, jobRunId=run)
    _wait(
        lambda: not active_runs(application_id, region), f"the jobs of {application_id}", poll, most
    )
    say(f"Stopping the application {application_id}")
    emr.stop_application(applicationId=application_id)
    _wait(lambda: state() in ENDED_APPLICATION, application_id, poll, most)


def await_ending(
    cluster_id: str | None, region: str, poll: float = POLL_SECONDS, most: float = MOST_SECONDS
) -> None:
    """Wait while the cluster is ending: Terraform takes it for one that is up."""

    def ending() -> bool:
        emr = aws.client("emr", region)
        try:
            cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        except ClientError as error:
            if code(error) in GONE:
                return False
            raise
        return bool(cluster["Status"]["State"] == "TERMINATING")

    with one_line():
        if cluster_id and ending():
            say(f"The cluster {cluster_id} is still ending; waiting until it is gone")
            _wait(lambda: not ending(), cluster_id, poll, most)


def _change(plan: dict[str, Any], kind: str) -> dict[str, Any] | None:
    return next((each for each in plan.get("resource_changes", []) if each["type"] == kind), None)


def _reason(change: dict[str, Any]) -> str:
    """Why Terraform would, by the names of what differs."""
    paths = [str(path[0]) for path in change["change"].get("replace_paths", []) if path]
    if paths:
        return f"changed: {', '.join(sorted(set(paths)))}"
    return str(change.get("action_reason") or "it is no longer asked for").replace("_", " ")


def _wait(done: Any, what: str, poll: float, most: float) -> None:
    until = time.monotonic() + most
    while not done():
        if time.monotonic() >= until:
            raise EmrError(f"{what}: not ended after {most / 60:.0f} minutes; run this again later")
        time.sleep(poll)
