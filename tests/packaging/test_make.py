"""What make would do: who only runs the program waits for no test tools."""

from __future__ import annotations

import subprocess

import pytest

from tests.support import ROOT


@pytest.mark.parametrize("target", ["run", "mpi-data", "test"])
def test_only_tests_wait_for_the_tools_of_tests(target, tmp_path):
    fresh = [f"VENV={tmp_path}/venv", f"MNIST={tmp_path}/mnist"]
    done = subprocess.run(["make", "--dry-run", target, *fresh], cwd=ROOT, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--editable '.[spark,report]'" in done.stdout
    assert ("requirements-dev.txt" in done.stdout) == (target == "test")


def test_help_lists_every_target_of_the_readme():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "run", "test", "lint", "format", "bench", "figures", "package"):
        assert f"\n  {target} " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
