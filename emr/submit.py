"""Package, upload, submit, follow, fetch: what `make submit-outer` does."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from emr import images
from emr.cluster import Cluster
from emr.errors import EmrError
from emr.follow import ask_to_cancel, clock, follow
from emr.job import Job
from emr.logs import Logs
from emr.package import ROOT, package_code
from emr.runs import CANCELLED, COMPLETED, RunState, Target
from emr.serverless import Serverless, environment_options
from emr.sizing import MIB, Sizing, size_for_cluster, size_for_serverless
from emr.stack import Stack
from emr.storage import Storage
from emr.wheels import package_environment
from ridge_spark.engines.summary import table

JOBS = {"outer": ROOT / "jobs" / "outer.py", "inner": ROOT / "jobs" / "inner.py"}
DIST = ROOT / "dist"
EXIT_COMPLETED, EXIT_FAILED, EXIT_CANCELLED = 0, 1, 3


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def target_of(stack: Stack) -> Target:
    return Cluster(stack) if stack.target == "cluster" else Serverless(stack)


def submit(
    stack: Stack,
    kind: str,
    data: str | None,
    arguments: list[str],
    *,
    deploy_mode: str = "client",
) -> str:
    """Upload what the job needs and hand it over; returns the identifier of its run."""
    if isinstance(target := target_of(stack), Cluster):
        target.require_alive()
    storage = Storage(stack)
    data = images.place(data, storage)
    sizing = size_executors(stack, kind, data)
    say(sizing.reason)
    name = f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    options = sizing.options()
    if stack.target == "cluster":
        options = ["--deploy-mode", deploy_mode, *options]
    else:
        archive = package_environment(stack.architecture, DIST / "emr")
        options += environment_options(storage.upload_file(archive, "environment"))
    job = Job(
        name=name,
        script=storage.upload_file(JOBS[kind], "code"),
        py_files=storage.upload_file(package_code(DIST), "code"),
        arguments=("--data", data, "--out", output_of(stack, name), *arguments),
        options=tuple(options),
    )
    run_id = target.submit(job)
    say(f"{run_id} submitted: {' '.join(job.command())}")
    return run_id


def output_of(stack: Stack, name: str) -> str:
    """Where a run of that name writes its result."""
    return f"s3://{stack.bucket}/runs/{name}"


def size_executors(stack: Stack, kind: str, data: str) -> Sizing:
    d, rows = images.describe(data, stack.region)
    # The outer job puts all images on every worker, a byte a pixel.
    shared_mib = -(-rows * d // MIB) if kind == "outer" else 0
    if stack.target == "serverless":
        return size_for_serverless(d, shared_mib, stack.sizes.max_vcpus)
    return size_for_cluster(d, shared_mib, stack.sizes)


def finish(stack: Stack, run_id: str, poll_seconds: float, log_seconds: float) -> int:
    """Follow a run to its end, fetch what it left and return the exit status."""
    target = target_of(stack)
    try:
        ended = follow(target, run_id, poll_seconds, say)
    except KeyboardInterrupt:
        return ask_to_cancel(target, run_id)
    if ended.state == COMPLETED:
        fetch_result(stack, target, ended)
        return EXIT_COMPLETED
    report_failure(stack, target, ended, log_seconds)
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
    print(table(json.loads(result.read_text()), str(folder)))


def report_failure(stack: Stack, target: Target, ended: RunState, log_seconds: float) -> None:
    if ended.state == CANCELLED:
        say(f"{ended.run_id} was cancelled {ended.reason}".rstrip())
        return
    reason = Logs(stack, target).failure(ended.run_id, log_seconds)
    say(reason or f"Its log is not there yet; ask again with: make emr-logs STEP={ended.run_id}")
    say(f"{ended.run_id} failed after {clock(ended.seconds)} {ended.reason}".rstrip())
