"""Shells complete commands, options and choices by argcomplete."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import HANGS, give_up


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("ridge-spark tr", {"train "}),
        ("ridge-spark train --lamb", {"--lambdas "}),
        ("ridge-spark train --solver tri", {"tridiagonal "}),
        ("ridge-spark train --config x.toml --fol", {"--folds "}),
        ("ridge-spark import fol", {"folder "}),
    ],
)
def test_completes(line, among, environment, tmp_path):
    try:
        import argcomplete  # noqa: F401
    except ModuleNotFoundError:
        give_up("no argcomplete: make setup")
    (tmp_path / "x.toml").write_text("folds = 3\n")
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
             "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "found"),
             "_ARGCOMPLETE_IFS": "\n"}  # fmt: skip
    done = subprocess.run(
        [Path(sys.executable).with_name("ridge-spark")], env={**environment, **asked},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set((tmp_path / "found").read_text().split("\n")) == among
