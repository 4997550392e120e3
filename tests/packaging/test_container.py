"""The container's file: what a linter says of it, and that what it copies and installs is there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import ROOT, give_up

FILE = ROOT / "Containerfile"


def test_the_linter_has_nothing_to_say():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        give_up("no hadolint: make setup")
    done = subprocess.run([hadolint, FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_copies_what_is_there_and_not_ignored():
    copied = re.findall(r"^COPY (.+) \S+$", FILE.read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    assert names == sent
    for name in names:
        assert (ROOT / name).exists()


@pytest.mark.parametrize("wanted", ["spark", "report", "sklearn", "mpi"])
def test_it_installs_extras_that_there_are(wanted):
    (installed,) = re.findall(r"'\.\[(.+)\]'", FILE.read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(installed.split(",")) <= set(project["optional-dependencies"])
    assert wanted in installed.split(",")
