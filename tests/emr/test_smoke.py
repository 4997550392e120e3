"""`make emr-smoke` against the stand-ins: the whole cycle, and a transcript to send back."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emr.smoke import redacted
from tests.emr.step_runner import ACCOUNT, StepRunner
from tests.emr.tools import Cli, project_with
from tests.engines.processes import spark_home

TARGETS = ("cluster", "serverless")


@pytest.fixture(scope="module")
def transcripts(
    wheels: Path,
    terraform_provider: None,
    endpoint: str,
    aws_command: Path,
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What both cycles wrote; side by side, as Terraform mostly waits."""
    scratch = tmp_path_factory.mktemp("nodes")

    def cycle(target: str) -> str:
        project = project_with(tmp_path_factory.mktemp(target) / "project", f"smoke-{target}")
        options = ("--yes", "--target", target, "--poll", "1", "--log-wait", "30")
        project("smoke", *options, timeout=1100)
        return (project.cwd / "runs" / "emr-smoke.txt").read_text()

    runner = StepRunner(endpoint, spark_home("installed"), scratch, home, aws_command)
    with runner, ThreadPoolExecutor(len(TARGETS)) as pool:
        return dict(zip(TARGETS, pool.map(cycle, TARGETS), strict=True))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("target", "release"),
    [
        ("cluster", "ok  release: emr-7.14.0 has Spark 3.5.8"),
        ("serverless", "ok  release: emr-spark-8.1.0 has Spark 4.1.1"),
    ],
)
def test_the_whole_cycle(transcripts: dict[str, str], target: str, release: str) -> None:
    text = transcripts[target]
    assert text.count("the same statistics_sha256 as here") == 2
    assert text.count("Everything is up already.") == 1
    assert "# a second emr-up plans nothing" in text
    assert f"# left of {target}: nothing" in text
    assert text.rstrip().endswith("# all is well")
    assert release in text
    assert not re.findall(r"^NO  .*$", text, re.MULTILINE)
    for secret in (ACCOUNT, "testing", "PRIVATE KEY", str(Path.home())):
        assert secret not in text


def test_a_stack_that_is_up_is_not_ended(cli: Cli) -> None:
    done = cli("smoke", "--yes", expect=2)
    assert "A stack is up, which this would end; first: make emr-down" in done.stderr


def test_a_transcript_holds_nothing_to_hide() -> None:
    line = "arn:aws:iam::123456789012:user/anna.b used AKIA" + 16 * "X"
    line += ", mail anna.b@example.com in /home/annab/x; 20261128-051141 and sha 79d2980295de84"
    assert redacted(line, ["/home/annab", "anna.b", "ann"]) == (
        "arn:aws:iam::ACCOUNT:user/~ used KEY"
        ", mail ADDRESS in ~/x; 20261128-051141 and sha 79d2980295de84"
    )
