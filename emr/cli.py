"""The command line: `python -m emr COMMAND`, which the Makefile's emr- targets call."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from emr import operate
from emr.doctor import NO, examine
from emr.errors import EmrError, explain
from emr.logs import Logs
from emr.package import package_code
from emr.runs import FAILED, Target
from emr.smoke import smoke
from emr.speech import say
from emr.stack import Stack
from emr.submit import JOBS, finish, submit, target_of
from emr.terraform import ProviderMissingError, Terraform
from emr.wheels import lock
from ridge_spark.commands.parser import Parser
from ridge_spark.errors import InputError

EXIT_WRONG_USE = 2
TARGETS = ["cluster", "serverless"]


def main(arguments: list[str] | None = None) -> int:
    ours, jobs = _split(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser().parse_args(ours)
        options.job_options = jobs
        return int(options.run(options) or 0)
    except (EmrError, InputError) as error:
        say(f"error: {error}")
    except (ClientError, BotoCoreError, Boto3Error) as error:
        say(f"error: {explain(error)}")
    except OSError as error:
        say(f"error: {error.filename or 'input or output'}: {error.strerror}")
    except KeyboardInterrupt:
        return 130
    return EXIT_WRONG_USE


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own options, and those of the job after `--`."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m emr", description="Run the jobs on AWS EMR.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run, parser=added)
        return added

    command("package", _package, "build dist/ridge_spark.zip")
    command("lock", _lock, "pin emr/requirements.in, the nodes' packages, in requirements.txt")
    command("validate", _validate, "check the Terraform files, as far as can be done offline")
    added = command("doctor", _doctor, "check what making the stack will need of the account")
    added.add_argument("--target", choices=TARGETS)
    for name, run, text in (
        ("plan", _plan, "what would be made, and what it costs an hour"),
        ("up", _up, "make the stack"),
        ("down", _down, "destroy the stack and all it holds"),
    ):
        added = command(name, run, text)
        if name != "down":
            added.add_argument("--target", choices=TARGETS)
        if name != "plan":
            added.add_argument("--yes", action="store_true", help="do not ask")
        if name == "up":
            added.add_argument("--force", action="store_true", help="end running jobs if need be")

    added = command("smoke", _smoke, "the whole cycle once, with a transcript to send back")
    added.add_argument("--yes", action="store_true", help="do not ask")
    added.add_argument("--target", choices=TARGETS, help="only this one")
    added.add_argument("--transcript", default="runs/emr-smoke.txt", metavar="FILE")
    _waiting(added)

    added = command("submit", _submit, "run a job, wait for it and fetch its result")
    added.add_argument("job", choices=sorted(JOBS))
    added.add_argument("--data", help="data set: a folder or s3://bucket/prefix; else MNIST")
    added.add_argument("--target", choices=TARGETS, help="refuse if the stack is another")
    added.add_argument("--deploy-mode", choices=["client", "cluster"], default="client")
    added.add_argument("--name", default="", help="becomes part of the run's name")
    added.add_argument(
        "--minutes", type=_minutes, default=120, metavar="N",
        help="EMR Serverless: end the job after so long, whatever it waits for; default 120",
    )  # fmt: skip
    _waiting(added)
    added.epilog = "What follows -- is for the job: submit outer -- --folds 5"

    command("status", _status, "the cluster or application, and its latest runs")
    added = command("follow", _follow, "wait for a run and fetch its result")
    _waiting(added)
    _run(added)
    added = command("logs", _logs, "the driver's output of a run")
    added.add_argument("--full", action="store_true", help="everything, the JVM's part included")
    added.add_argument("--log-wait", type=float, default=0, metavar="SECONDS")
    _run(added)
    _run(command("cost", _cost, "what a run cost"))
    added = command("cancel", _cancel, "cancel a run")
    added.add_argument("run_id", nargs="?", help="see: status")
    return parser


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_id", nargs="?", help="see: status; the latest by default")


def _minutes(text: str) -> int:
    """EMR Serverless takes no less than 5, and no job may run for longer than a day here."""
    if not text.isdigit() or not 5 <= int(text) <= 1440:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 5 to 1440")
    return int(text)


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
    print(lock())


def _validate(_: argparse.Namespace) -> None:
    terraform = Terraform()
    try:
        terraform.init(backend=False)
    except ProviderMissingError as error:
        say(f"The Terraform files are not validated: {error}")
    else:
        terraform.validate()


def _doctor(options: argparse.Namespace) -> int:
    verdicts = set()
    for finding in examine(Terraform(), options.target):
        print(finding, flush=True)
        verdicts.add(finding.verdict)
    return int(NO in verdicts)


def _plan(options: argparse.Namespace) -> None:
    operate.plan(Terraform(), options.target)


def _up(options: argparse.Namespace) -> None:
    operate.up(Terraform(), options.target, options.yes, options.force)


def _down(options: argparse.Namespace) -> None:
    operate.down(Terraform(), options.yes)


def _smoke(options: argparse.Namespace) -> None:
    targets = [options.target] if options.target else TARGETS
    waiting = ["--poll", str(options.poll), "--log-wait", str(options.log_wait)]
    smoke(Terraform(), Path(options.transcript), options.yes, targets, waiting)


def _submit(options: argparse.Namespace) -> int:
    stack = _stack()
    if options.target not in (None, stack.target):
        raise EmrError(
            f"What is up is {stack.target}; to replace it: make emr-up TARGET={options.target}"
        )
    run_id = submit(
        stack,
        options.job,
        options.data,
        options.job_options,
        deploy_mode=options.deploy_mode,
        label=options.name,
        minutes=options.minutes,
    )
    return finish(stack, run_id, options.poll, options.log_wait)


def _follow(options: argparse.Namespace) -> int:
    stack = _stack()
    run_id = _run_or_latest(options, target_of(stack))
    return finish(stack, run_id, options.poll, options.log_wait)


def _status(_: argparse.Namespace) -> None:
    target = target_of(_stack())
    print(target.summary())
    for run in target.recent():
        print(f"{run.run_id}  {run.state:<9}  {run.seconds:6.0f} s  {run.name}")


def _logs(options: argparse.Namespace) -> None:
    stack = _stack()
    target = target_of(stack)
    run_id = _run_or_latest(options, target)
    state = target.state(run_id)
    logs = Logs(stack, target)
    if state.state == FAILED and not options.full:
        found = logs.failure(run_id, options.log_wait)
    else:
        found = logs.read(run_id, "stderr", options.log_wait)
    if found is None:
        raise EmrError(f"The log of {run_id} ({state.state}) is not there yet; it comes late")
    print(found)


def _run_or_latest(options: argparse.Namespace, target: Target) -> str:
    found = options.run_id or next((run.run_id for run in target.recent()), None)
    if found is None:
        raise EmrError("Nothing was submitted yet; start with: make submit-outer")
    return str(found)


def _cancel(options: argparse.Namespace) -> None:
    if not options.run_id:
        raise EmrError("Say which run: make emr-cancel STEP=...; make emr-status lists them")
    target_of(_stack()).cancel(options.run_id)
    say(f"{options.run_id} is being cancelled")


def _cost(options: argparse.Namespace) -> None:
    target = target_of(_stack())
    print(target.cost(_run_or_latest(options, target)))
