"""The Terraform files by themselves: form, validity, the plan's facts, and checkov's findings."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from emr.package import ROOT
from tests.emr.tools import venv_with
from tests.support import alone_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def terraform(terraform_provider: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files, initialised, without a state or the credentials of anybody."""
    folder = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "terraform.tfvars")
    shutil.copytree(ROOT / "terraform", folder / "terraform", ignore=ignored)
    (folder / "emr").symlink_to(ROOT / "emr")
    run(folder / "terraform", "init", "-backend=false", "-no-color")
    return folder / "terraform"


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env={**os.environ, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_formatted_and_valid(terraform: Path) -> None:
    run(terraform, "fmt", "-check", "-recursive")
    run(terraform, "validate", "-no-color")


def test_the_example_of_variables_is_accepted(terraform: Path) -> None:
    text = (terraform / "terraform.tfvars.example").read_text()
    declared = (terraform / "variables.tf").read_text()
    names = [line.lstrip("# ").split("=")[0].strip() for line in text.splitlines() if " = " in line]
    assert len(names) > 8
    for name in names:
        assert f'variable "{name}"' in declared, name


def test_plans_say_what_is_promised(terraform: Path) -> None:
    assert ", 0 failed" in run(terraform, "test", "-no-color")


def test_checkov_finds_nothing_that_is_not_explained() -> None:
    home = ROOT / ".cache" / "checkov"
    with alone_at(home):
        if not (home / "bin" / "checkov").exists():
            venv_with(home, "checkov>=3.2,<4")
    done = subprocess.run(
        [
            *(home / "bin" / "checkov", "--directory", ROOT / "terraform"),
            *("--framework", "terraform", "--compact", "--quiet", "--skip-download"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Failed checks: 0" in done.stdout
    for path in (ROOT / "terraform").glob("*.tf"):
        for line in path.read_text().splitlines():
            if "checkov:skip" in line:
                assert len(line.split(":", 2)[2].split()) >= 4, line
