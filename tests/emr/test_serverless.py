"""The same job on EMR Serverless: the packed environment instead of a bootstrap action."""

from __future__ import annotations

import json
from pathlib import Path

from emr.stack import Stack
from tests.emr.step_runner import StepRunner
from tests.emr.test_submit import FAST
from tests.emr.tools import make_cli, train_here


def test_the_same_command_works_on_serverless(
    serverless_stack: Stack,
    runner: StepRunner,
    images: Path,
    tmp_path: Path,
    terraform_command: str,
) -> None:
    cli = make_cli(serverless_stack, tmp_path)
    done = cli("submit", "outer", "--data", str(images), *FAST, "--", "--lambdas", "0,1")
    (folder,) = (tmp_path / "runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    here = train_here(images, tmp_path / "here", "--lambdas", "0,1")
    assert result["statistics_sha256"] == here["statistics_sha256"]
    assert "COMPLETED" in done.stderr
    assert "for 0.25 vCPU hours (list prices)" in done.stderr
    run_id = done.stderr.split(" submitted")[0].split()[-1]
    assert "statistics: " in cli("logs", run_id).stdout
    status = cli("status").stdout
    assert "application" in status
    assert run_id in status

    done = cli("submit", "inner", "--data", str(images), *FAST, "--", "--limit", "1", expect=1)
    assert "is empty among" in done.stderr
    assert "can't be cancelled: it has ended" in cli("cancel", run_id, expect=2).stderr
    assert (
        "What is up is serverless" in cli("submit", "outer", "--target", "cluster", expect=2).stderr
    )
