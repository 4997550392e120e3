"""The Terraform files by themselves: form, validity, the plan's facts, and checkov's findings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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


def lint(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `make lint` has to say of the Terraform files in a copy of the project."""
    (folder.parent / "Makefile").write_text(
        f"PYTHON := {sys.executable}\ninclude {ROOT}/emr/emr.mk\nsetup: ;\n"
    )
    return subprocess.run(
        ["make", "lint-terraform"],
        cwd=folder.parent,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "RIDGE_TERRAFORM_DIR": str(folder),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_formatted_and_valid(terraform: Path) -> None:
    done = lint(terraform)
    assert (done.returncode, done.stderr) == (0, "")


def test_lint_tells_what_is_malformed_or_makes_no_sense(terraform: Path) -> None:
    added = terraform / "added.tf"
    try:
        added.write_text("locals {\nleft =    1\n}\n")
        done = lint(terraform)
        assert (done.returncode, "added.tf" in done.stdout) == (2, True)
        added.write_text("locals {\n  left = var.of_nothing\n}\n")
        done = lint(terraform)
        assert done.returncode == 2
        assert "terraform validate failed: Reference to undeclared input variable" in done.stderr
    finally:
        added.unlink()


def test_lint_goes_on_where_terraform_or_its_provider_is_missing(
    terraform: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("make", "sh"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = lint(terraform, PATH=str(tools))
    assert (done.returncode, done.stderr) == (
        0,
        "terraform is not on PATH: its files are not checked\n",
    )
    (tmp_path / "mirror" / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    done = lint(terraform, RIDGE_TERRAFORM_PLUGINS=str(tmp_path / "mirror"))
    assert done.returncode == 0
    assert "not validated: " in done.stderr
    assert "the AWS provider can't be fetched" in done.stderr


def test_the_example_of_variables_is_accepted(terraform: Path) -> None:
    text = (terraform / "terraform.tfvars.example").read_text()
    declared = (terraform / "variables.tf").read_text()
    names = [line.lstrip("# ").split("=")[0].strip() for line in text.splitlines() if " = " in line]
    assert len(names) > 8
    for name in names:
        assert f'variable "{name}"' in declared, name
    defaults = ["-filter=tests/defaults.tftest.hcl", "-var-file=terraform.tfvars.example"]
    assert ", 0 failed" in run(terraform, "test", "-no-color", *defaults)


def test_plans_say_what_is_promised(terraform: Path) -> None:
    assert ", 0 failed" in run(terraform, "test", "-no-color")


def test_the_lock_file_is_for_what_is_tested_and_for_every_platform() -> None:
    lock = (ROOT / "terraform" / ".terraform.lock.hcl").read_text()
    versions = (ROOT / "terraform" / "versions.tf").read_text()
    assert 'version     = "5.100.0"' in lock
    assert 'constraints = ">= 5.100.0, < 7.0.0"' in lock
    assert 'version = ">= 5.100, < 7"' in versions
    assert lock.count('"zh:') > 10  # the archives of all platforms, as the registry signs them


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
