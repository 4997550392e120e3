"""Why a cluster did not start or a job failed: the state, the bootstrap's log, the traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emr import aws
from emr.cluster import Cluster
from emr.errors import EmrError, explain
from emr.logs import Logs, fetch
from emr.runs import FAILED
from emr.stack import Stack
from emr.terraform import Terraform

LINES = 12  # of a log, so that all is one page
FAILED_START = ["TERMINATED_WITH_ERRORS"]


def autopsy(terraform: Terraform, name: str, region: str) -> Iterator[str]:
    """What is known of the latest failed start of the stack's cluster, and of the latest job."""
    try:
        yield from _failed_start(name, region)
        yield from _failed_job(terraform)
    except (ClientError, BotoCoreError) as error:
        yield f"the last failure can't be looked into: {explain(error)}"


def _failed_start(name: str, region: str) -> Iterator[str]:
    emr = aws.client("emr", region)
    there = emr.list_clusters(ClusterStates=[*FAILED_START, "WAITING", "RUNNING"])["Clusters"]
    ours = [each for each in there if each["Name"] == name]
    if not ours or ours[0]["Status"]["State"] not in FAILED_START:
        return  # the newest comes first; an older failure was overcome
    cluster = emr.describe_cluster(ClusterId=ours[0]["Id"])["Cluster"]
    reason = cluster["Status"].get("StateChangeReason", {}).get("Message") or "no reason given"
    yield f"cluster {cluster['Id']} did not start: {reason}"
    bucket, _, prefix = cluster.get("LogUri", "").split("://", 1)[-1].partition("/")
    if bucket:
        yield from _bootstrap_log(aws.client("s3", region), bucket, f"{prefix}{cluster['Id']}/")


def _bootstrap_log(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    """The last lines of each failed bootstrap; EMR delivers them some minutes after the end."""
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}node/")
    for each in answer.get("Contents", []):
        if re.search(r"/bootstrap-actions/\d+/stderr(\.gz)?$", each["Key"]):
            lines = fetch(s3, bucket, each["Key"]).splitlines()
            for line in lines[-LINES:]:
                yield f"bootstrap: {line}"


def _failed_job(terraform: Terraform) -> Iterator[str]:
    try:
        stack = Stack.from_outputs(terraform.outputs())
    except EmrError:
        return  # nothing is up
    if stack.target != "cluster":
        return
    target = Cluster(stack)
    try:
        latest = next(iter(target.recent()), None)
    except EmrError:
        return
    if latest is None or latest.state != FAILED:
        return
    yield f"job {latest.run_id} failed {latest.reason}".rstrip()
    traceback = Logs(stack, target).failure(latest.run_id) or "its log is not there yet"
    for line in traceback.splitlines()[-LINES:]:
        yield f"job: {line}"
