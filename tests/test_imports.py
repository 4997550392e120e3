"""What must import, and run, on a machine that lacks the rest."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support import ROOT

BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def run_without(blocked, code, tmp_path):
    """Run `code` in a process of its own that finds none of the `blocked` packages."""
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(blocked=set(blocked)) + code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_the_mathematics_needs_no_engine_and_no_storage(tmp_path):
    code = """
import pkgutil, importlib, ridge_spark.ridge
for module in pkgutil.walk_packages(ridge_spark.ridge.__path__, "ridge_spark.ridge."):
    importlib.import_module(module.name)
import numpy as np
from ridge_spark import RidgeClassifier
X = np.arange(40, dtype=np.uint8).reshape(10, 4) ** 2
print(RidgeClassifier().fit(X, np.arange(10) % 2).predict(X).shape)
"""
    done = run_without(["pyspark", "py4j", "pyarrow", "mpi4py", "boto3"], code, tmp_path)
    assert done.stdout == "(10,)\n", done.stderr


def test_the_local_engine_needs_no_spark(tmp_path, small_data):
    code = f"""
from ridge_spark.cli import main
main(["train", "--data", {str(small_data)!r}, "--out", "run"])
"""
    done = run_without(["pyspark", "py4j", "mpi4py", "boto3"], code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "result.json").is_file()


@pytest.mark.parametrize("heavy", ["sklearn", "pyspark", "matplotlib", "boto3"])
def test_help_waits_for_nothing_heavy(tmp_path, heavy):
    done = run_without([heavy], 'from ridge_spark.cli import main\nmain(["--help"])', tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_module_is_the_command(tmp_path):
    command = [sys.executable, "-m", "ridge_spark", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "1.0.0\n")
