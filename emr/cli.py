"""The command line: `python -m emr COMMAND`, which the Makefile's emr- targets call."""

from __future__ import annotations

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError

from emr import operate
from emr.errors import EmrError, explain
from emr.logs import Logs
from emr.package import ROOT, package_code
from emr.runs import FAILED
from emr.stack import Stack
from emr.submit import JOBS, finish, say, submit, target_of
from emr.terraform import Terraform
from emr.wheels import lock
from ridge_spark.errors import InputError

EXIT_WRONG_USE = 2


def main(arguments: list[str] | None = None) -> int:
    ours, jobs = _split(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(ours)
    options.arguments = jobs
    try:
        return int(options.run(options) or 0)
    except (EmrError, InputError) as error:
        say(f"error: {error}")
    except (ClientError, BotoCoreError) as error:
        say(f"error: {explain(error)}")
    except KeyboardInterrupt:
        return 130
    return EXIT_WRONG_USE


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own options, and those of the job after `--`."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emr", description="Run the jobs on AWS EMR.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    command("package", _package, "build dist/ridge_spark.zip")
    command("lock", _lock, "pin emr/requirements.in, the nodes' packages, in requirements.txt")
    for name, run, text in (
        ("plan", _plan, "what would be made, and what it costs an hour"),
        ("up", _up, "make the stack"),
        ("down", _down, "destroy the stack and all it holds"),
    ):
        added = command(name, run, text)
        if name != "down":
            added.add_argument("--target", choices=["cluster", "serverless"])
        if name != "plan":
            added.add_argument("--yes", action="store_true", help="do not ask")

    added = command("submit", _submit, "run a job, wait for it and fetch its result")
    added.add_argument("job", choices=sorted(JOBS))
    added.add_argument("--data", help="data set: a folder or s3://bucket/prefix; else MNIST")
    added.add_argument("--deploy-mode", choices=["client", "cluster"], default="client")
    _waiting(added)
    added.epilog = "What follows -- is for the job: submit outer -- --folds 5"

    added = command("follow", _follow, "wait for a run and fetch its result")
    _waiting(added)
    added.add_argument("run_id")
    command("status", _status, "the cluster or application, and its latest runs")
    added = command("logs", _logs, "the driver's output of a run; the latest one by default")
    added.add_argument("run_id", nargs="?")
    added.add_argument("--full", action="store_true", help="everything, the JVM's part included")
    added.add_argument("--log-wait", type=float, default=0, metavar="SECONDS")
    command("cancel", _cancel, "cancel a run").add_argument("run_id")
    command("cost", _cost, "what a run cost").add_argument("run_id")
    return parser


def _waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--poll", type=float, default=10, metavar="SECONDS", help="default 10")
    parser.add_argument(
        "--log-wait", type=float, default=360, metavar="SECONDS",
        help="how long to wait for the log of a failed run, which AWS delivers late; default 360",
    )  # fmt: skip


def _stack() -> Stack:
    return Stack.from_outputs(Terraform().outputs())


def _package(_: argparse.Namespace) -> None:
    print(package_code())


def _lock(_: argparse.Namespace) -> None:
    print(lock(ROOT / "dist" / "emr"))


def _plan(options: argparse.Namespace) -> None:
    terraform = Terraform()
    try:
        operate.plan(terraform, options.target)
    finally:
        terraform.planned.unlink(missing_ok=True)


def _up(options: argparse.Namespace) -> None:
    operate.up(Terraform(), options.target, options.yes)


def _down(options: argparse.Namespace) -> None:
    operate.down(Terraform(), options.yes)


def _submit(options: argparse.Namespace) -> int:
    stack = _stack()
    run_id = submit(
        stack, options.job, options.data, options.arguments, deploy_mode=options.deploy_mode
    )
    return finish(stack, run_id, options.poll, options.log_wait)


def _follow(options: argparse.Namespace) -> int:
    return finish(_stack(), options.run_id, options.poll, options.log_wait)


def _status(_: argparse.Namespace) -> None:
    target = target_of(_stack())
    print(target.summary())
    for run in target.recent():
        print(f"{run.run_id}  {run.state:<9}  {run.seconds:6.0f} s  {run.name}")


def _logs(options: argparse.Namespace) -> None:
    stack = _stack()
    target = target_of(stack)
    run_id = options.run_id or next((run.run_id for run in target.recent()), None)
    if run_id is None:
        raise EmrError("Nothing was submitted yet; start with: make submit-outer")
    state = target.state(run_id)
    logs = Logs(stack, target)
    if state.state == FAILED and not options.full:
        found = logs.failure(run_id, options.log_wait)
    else:
        found = logs.read(run_id, "stderr", options.log_wait)
    if found is None:
        raise EmrError(f"The log of {run_id} ({state.state}) is not there yet; it comes late")
    print(found)


def _cancel(options: argparse.Namespace) -> None:
    target_of(_stack()).cancel(options.run_id)
    say(f"{options.run_id} is being cancelled")


def _cost(options: argparse.Namespace) -> None:
    print(target_of(_stack()).cost(options.run_id))
