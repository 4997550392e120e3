"""Package, upload, submit, follow, fetch: what `make submit-outer` does."""

from __future__ import annotations

import re
import secrets
import shlex
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from emr import arguments, images
from emr.cluster import Cluster
from emr.errors import EmrError, explain
from emr.follow import ask_to_cancel, clock, follow
from emr.job import Job
from emr.logs import Logs
from emr.package import ROOT, package_code
from emr.runs import CANCELLED, COMPLETED, RunState, Target
from emr.serverless import Serverless, environment_options
from emr.serverless_sizing import allocation_options, size_for_serverless
from emr.sizing import MIB, Load, Sizing, size_for_cluster
from emr.speech import say
from emr.stack import Stack
from emr.storage import Storage
from emr.wheels import package_environment
from ridge_spark.runs.directory import read_result
from ridge_spark.runs.summary import table

JOBS = {"outer": ROOT / "jobs" / "outer.py", "inner": ROOT / "jobs" / "inner.py"}
DIST = ROOT / "dist"
LABEL = re.compile(r"[A-Za-z0-9.-]{0,40}")
EXIT_COMPLETED, EXIT_FAILED, EXIT_CANCELLED = 0, 1, 3


def target_of(stack: Stack) -> Target:
    return Cluster(stack) if stack.target == "cluster" else Serverless(stack)


def submit(
    stack: Stack,
    kind: str,
    data: str | None,
    options: list[str],
    *,
    deploy_mode: str = "client",
    label: str = "",
    minutes: int = 120,
) -> str:
    """Upload what the job needs and hand it over; returns the identifier of its run.

    options  the job's own, beside where its data are and where its result goes
    label    becomes part of the run's name, to tell several jobs at once apart
    minutes  after which EMR Serverless ends it
    """
    name = run_name(kind, label)
    out = output_of(stack, name)
    groups = arguments.check(kind, data or "MNIST", out, options).folds.groups
    if isinstance(target := target_of(stack), Cluster):
        target.require_alive()
    storage = Storage(stack)
    data = images.place(data, storage)
    sizing = size_executors(stack, kind, data, groups, deploy_mode)
    say(sizing.reason)
    spark_options = sizing.options()
    if stack.target == "cluster":
        spark_options = ["--deploy-mode", deploy_mode, *spark_options]
    else:
        archive = package_environment(stack.architecture, DIST / "emr")
        address = storage.upload_file(archive, "environment")
        spark_options += environment_options(address, stack.region) + allocation_options(sizing)
    job = Job(
        name=name,
        script=storage.upload_file(JOBS[kind], "code"),
        py_files=storage.upload_file(package_code(DIST), "code"),
        arguments=("--data", data, "--out", out, *options),
        options=tuple(spark_options),
        minutes=minutes,
    )
    run_id = target.submit(job)
    say(f"{run_id} submitted: {shlex.join(job.command())}")
    return run_id


def run_name(kind: str, label: str) -> str:
    """A name that no other run has, whoever submits one at this moment."""
    if not LABEL.fullmatch(label):
        raise EmrError(f"NAME {label}: up to 40 letters, digits, dots and hyphens")
    moment = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    return "-".join(filter(None, (kind, label, moment)))


def output_of(stack: Stack, name: str) -> str:
    """Where a run of that name writes its result."""
    return f"s3://{stack.bucket}/runs/{name}"


def size_executors(
    stack: Stack, kind: str, data: str, groups: int, deploy_mode: str = "client"
) -> Sizing:
    d, rows = images.describe(data, stack.region)
    # The outer job puts all images on every worker, a byte a pixel.
    load = Load(d, groups, shared_mib=-(-rows * d // MIB) if kind == "outer" else 0)
    if stack.target == "serverless":
        return size_for_serverless(load, stack.sizes.max_vcpus)
    return size_for_cluster(load, stack.sizes, deploy_mode)


def finish(stack: Stack, run_id: str, poll_seconds: float, log_seconds: float) -> int:
    """Follow a run to its end, fetch what it left and return the exit status."""
    target = target_of(stack)
    try:
        ended = follow(target, run_id, poll_seconds)
    except KeyboardInterrupt:
        return ask_to_cancel(target, run_id)
    try:
        if ended.state == COMPLETED:
            fetch_result(stack, target, ended)
            return EXIT_COMPLETED
        report_failure(stack, target, ended, log_seconds)
    except (BotoCoreError, ClientError) as error:
        raise EmrError(
            f"{run_id} is {ended.state}, but: {explain(error)}; then: make emr-follow STEP={run_id}"
        ) from error
    return EXIT_CANCELLED if ended.state == CANCELLED else EXIT_FAILED


def fetch_result(stack: Stack, target: Target, ended: RunState) -> None:
    """Copy the run to `runs/` and print its result."""
    out = output_of(stack, ended.name)
    folder = Path("runs") / ended.name
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        Storage(stack).download_folder(out, folder)
    say(f"{ended.run_id} took {clock(ended.seconds)}, {target.cost(ended.run_id)}")
    result = folder / "result.json"
    if not result.is_file():
        raise EmrError(f"{out}: holds no result.json; see: make emr-logs STEP={ended.run_id}")
    print(table(read_result(result), str(folder)))


def report_failure(stack: Stack, target: Target, ended: RunState, log_seconds: float) -> None:
    if ended.state == CANCELLED:
        say(f"{ended.run_id} was cancelled {ended.reason}".rstrip())
        return
    logs = Logs(stack, target)
    reason = logs.failure(ended.run_id)
    if reason is None:
        say("Waiting for its log, which AWS delivers some minutes late (Ctrl-C: don't wait)")
        reason = logs.failure(ended.run_id, log_seconds)
    say(reason or f"Its log is not there yet; ask again with: make emr-logs STEP={ended.run_id}")
    say(f"{ended.run_id} failed after {clock(ended.seconds)} {ended.reason}".rstrip())
