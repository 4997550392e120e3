"""Stacks that are half made or half gone, and what is interrupted: nothing is forgotten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.emr.models import emr_backends

import emr.submit
from emr.errors import EmrError
from emr.package import ROOT
from emr.stack import Stack
from tests.emr.step_runner import ACCOUNT
from tests.emr.test_wrong_use import error_of
from tests.emr.tools import REGION, Cli

pytestmark = pytest.mark.usefixtures("terraform_command")


def cli_with(outputs: dict[str, Any], folder: Path) -> Cli:
    """The command line where an apply that failed left these outputs and no more."""
    terraform = folder / "terraform"
    terraform.mkdir()
    files = {
        "variable": {"target": {"default": "cluster"}},
        "output": {name: {"value": value} for name, value in outputs.items()},
    }
    (terraform / "main.tf.json").write_text(json.dumps(files))
    for command in (["init"], ["apply", "-auto-approve"]):
        subprocess.run(["terraform", *command], cwd=terraform, check=True, capture_output=True)
    return Cli(terraform, folder)


@pytest.mark.parametrize("absent", ["bucket", "cluster_id"])
def test_a_stack_that_lacks_something_is_told_and_can_be_destroyed(
    stack: Stack, tmp_path: Path, absent: str
) -> None:
    outputs = {**vars(stack), "sizes": vars(stack.sizes)}
    del outputs[absent]
    cli = cli_with(outputs, tmp_path)
    for command in (["status"], ["submit", "outer"], ["logs"]):
        said = error_of(cli(*command, expect=None))
        assert f"only half made (no {absent}); make emr-up goes on" in said
    assert "nothing is left" in cli("down", "--yes").stderr
    assert "Nothing is up yet" in error_of(cli("status", expect=None))


def test_a_stack_of_another_version_is_told(stack: Stack) -> None:
    sizes = {name: value for name, value in vars(stack.sizes).items() if name != "yarn_mib"}
    with pytest.raises(EmrError, match=r"made by another version of this project; .* make emr-up"):
        Stack.from_outputs({**vars(stack), "sizes": sizes})
    assert Stack.from_outputs({**vars(stack), "sizes": vars(stack.sizes)}) == stack


def test_a_bucket_that_is_gone_already_does_not_stop_the_rest(cli: Cli, stack: Stack) -> None:
    main = cli.terraform / "main.tf.json"
    files = json.loads(main.read_text())
    main.write_text(json.dumps({**files, "variable": {"target": {}}}))
    boto3.client("s3", region_name=REGION).delete_bucket(Bucket=stack.bucket)
    done = cli("down", "--yes")
    assert f"deletes {stack.bucket} with its 0 objects" in done.stderr


def test_after_ctrl_c_terraform_has_the_time_to_save_what_it_made(tmp_path: Path) -> None:
    """A resource takes its time to stop, as those of AWS do; the one before it must not be lost."""
    slow = "trap '' INT; touch started; sleep 2"
    (tmp_path / "main.tf").write_text(
        'resource "terraform_data" "made" {}\n'
        'resource "terraform_data" "slow" {\n'
        "  depends_on = [terraform_data.made]\n"
        f'  provisioner "local-exec" {{\n    command = "{slow}"\n  }}\n}}\n'
    )
    code = (
        "from emr.terraform import Terraform\n"
        "terraform = Terraform()\n"
        "terraform.init(); terraform.plan({}); terraform.apply_planned()\n"
    )
    waiting = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RIDGE_TERRAFORM_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # with its children a process group, as at a terminal
    )
    while not (tmp_path / "started").exists():
        assert waiting.poll() is None, waiting.communicate()[1]
    os.killpg(waiting.pid, signal.SIGINT)
    said = waiting.communicate(timeout=60)[1]
    assert "EmrError: terraform apply was interrupted" in said
    state = json.loads((tmp_path / "terraform.tfstate").read_text())
    assert "made" in [each["name"] for each in state["resources"]]
    assert not list(tmp_path.glob(".terraform.tfstate.lock.info"))
    assert not list(tmp_path.glob("*.tfplan"))


def test_a_result_that_can_t_be_fetched_can_be_fetched_later(
    stack: Stack, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_id = emr.submit.submit(stack, "outer", str(images), [])
    (step,) = emr_backends[ACCOUNT][REGION].clusters[stack.cluster_id].steps
    step.state = "COMPLETED"
    s3 = boto3.resource("s3", region_name=REGION).Bucket(stack.bucket)
    s3.objects.delete()
    s3.delete()
    with pytest.raises(EmrError, match=rf"is COMPLETED, but: .* make emr-follow STEP={run_id}"):
        emr.submit.finish(stack, run_id, 0.2, 0)
    assert not list(tmp_path.iterdir()) or not list((tmp_path / "runs").iterdir())
