"""The whole cycle on a real account, once, and a transcript of it that can be sent to others."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from emr import aws, preflight
from emr.errors import EmrError, explain
from emr.images import MNIST
from emr.speech import agrees, say
from emr.terraform import Terraform
from emr.wanted import Wanted

UP_ALREADY = "Everything is up already."
KEYS = re.compile(r"\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b")
ACCOUNTS = re.compile(r"(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])")
ADDRESSES = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
# What AWS goes on finding by a tag for a while after it was deleted; asked about by itself below.
FADING = re.compile(r":(kms|elasticmapreduce|emr-serverless|logs):|:(vpc-endpoint|network-int)")
ENDED = {"TERMINATED", "TERMINATED_WITH_ERRORS", "TERMINATING"}


class Transcript:
    """What was done and said, without secrets: on the terminal as it comes, and in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = [name for name in (str(Path.home()), os.environ.get("USER", "")) if name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def write(self, line: str) -> None:
        line = redacted(line, self.names)
        say(line)
        with open(self.path, "a") as file:
            file.write(line + "\n")

    def run(self, *arguments: str) -> str:
        """Run `python -m emr ARGUMENTS`; its output. `EmrError` if it failed."""
        self.write(f"$ python -m emr {' '.join(arguments)}")
        began, said = time.monotonic(), []
        process = subprocess.Popen(
            [sys.executable, "-m", "emr", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in process.stdout or ():
            said.append(line)
            self.write(line.rstrip())
        status = process.wait()
        self.write(f"# exit status {status} after {time.monotonic() - began:.0f} s")
        if status:
            raise EmrError(f"emr {arguments[0]} failed; {self.path} has what it said")
        return "".join(said)


def redacted(line: str, names: list[str]) -> str:
    """The line without account numbers, key identifiers, mail addresses and the person's names."""
    line = KEYS.sub("KEY", ACCOUNTS.sub("ACCOUNT", ADDRESSES.sub("ADDRESS", line)))
    for name in names:
        if len(name) > 3:  # a short one is part of too many words
            line = line.replace(name, "~")
    return line


def smoke(
    terraform: Terraform, path: Path, sure: bool, targets: list[str], waiting: list[str]
) -> None:
    """Up, submit, up again, down, nothing left; on a cluster and on EMR Serverless.

    Whatever fails, all is brought down again. Costs about a dollar and takes about an hour.
    """
    preflight.caller()
    terraform.init()
    if terraform.outputs():
        raise EmrError("A stack is up, which this would end; first: make emr-down")
    if not sure and not agrees("Make, use and destroy a stack, for about one dollar?"):
        raise EmrError("Nothing was changed")
    wanted = Wanted.from_terraform(terraform, {})
    transcript = Transcript(path)
    expected = _statistics_here(transcript)
    for target in targets:
        try:
            _cycle(transcript, target, expected, waiting)
        finally:
            _bring_down(transcript)
        left = what_is_left(terraform, wanted.name, wanted.region)
        transcript.write(f"# left of {target}: {', '.join(left) or 'nothing'}")
        if left:
            raise EmrError(f"{len(left)} things are left, the first {left[0]}; see {path}")
    transcript.write("# all is well")
    say(f"Please send {path}: it holds no secrets and no account numbers")


def _bring_down(transcript: Transcript) -> None:
    """Twice if need be: AWS lets go of network interfaces late."""
    try:
        transcript.run("down", "--yes")
    except EmrError:
        transcript.run("down", "--yes")


def _cycle(transcript: Transcript, target: str, expected: str, waiting: list[str]) -> None:
    transcript.run("doctor", "--target", target)
    transcript.run("up", "--yes", "--target", target)
    for job in ("outer", "inner"):
        before = _runs()
        transcript.run("submit", job, "--name", "smoke", *waiting)
        (folder,) = _runs() - before
        found = json.loads((folder / "result.json").read_text())["statistics_sha256"]
        if found != expected:
            raise EmrError(f"{folder}: statistics_sha256 is {found}, here it is {expected}")
        transcript.write(f"# {job}: the same statistics_sha256 as here")
    if UP_ALREADY not in transcript.run("up", "--target", target):
        raise EmrError(f"A second emr-up would change something; see {transcript.path}")
    transcript.write("# a second emr-up plans nothing")


def _statistics_here(transcript: Transcript) -> str:
    """The hash of the same training on this machine."""
    from ridge_spark.importing.mnist import import_mnist

    if not MNIST.exists():
        import_mnist(str(MNIST))
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "ridge_spark", "train", "--engine", "local", "--json"]
        command += ["--data", str(MNIST), "--out", f"{scratch}/run"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise EmrError(f"The local engine failed: {done.stderr.strip().splitlines()[-1]}")
    found = str(json.loads(done.stdout)["statistics_sha256"])
    transcript.write(f"# statistics_sha256 of the local engine: {found}")
    return found


def _runs() -> set[Path]:
    return set(Path("runs").glob("*-smoke-*"))


def what_is_left(terraform: Terraform, name: str, region: str) -> list[str]:
    """What Terraform still knows of, what AWS finds by the stack's tag, and what still runs."""
    left = [*terraform.resources(), *_running(name, region)]
    tags = aws.client("resourcegroupstaggingapi", region)
    only = [{"Key": "Project", "Values": [name]}]
    try:
        pages = tags.get_paginator("get_resources").paginate(TagFilters=only)
        found = [each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]]
    except (ClientError, BotoCoreError) as error:
        say(f"What AWS finds by the tag can't be asked: {explain(error)}")
        return left
    return [*left, *(each for each in found if not FADING.search(each))]


def _running(name: str, region: str) -> list[str]:
    clusters = aws.client("emr", region).list_clusters()["Clusters"]
    applications = aws.client("emr-serverless", region).list_applications()["applications"]
    return [
        *(each["Id"] for each in clusters if _left(each["Name"], each["Status"]["State"], name)),
        *(each["id"] for each in applications if _left(each["name"], each["state"], name)),
    ]


def _left(called: str, state: str, name: str) -> bool:
    return called == name and state not in ENDED
