"""Trained runs that the tests of this folder share; read only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.images.pictures import write_classes
from tests.support import JAVA, ROOT


def run_command(*arguments: object, cwd: Path, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ridge_spark", *map(str, arguments)],
        cwd=cwd, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(home), **JAVA},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def pictures_run(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `png` (image files), `data` (imported, black and white, cropped) and `run`."""
    folder = tmp_path_factory.mktemp("pictures")
    write_classes(folder / "png", {"ant": 60, "bee": 60, "cat": 60}, 20, 16)
    prepare = ["--size", "8x8", "--fit", "crop", "--threshold", "0.5"]
    run_command("import", "folder", "png", *prepare, "--out", "data", cwd=folder, home=home)
    train = ("train", "--data", "data", "--lambdas", "1,100", "--out", "run")
    run_command(*train, cwd=folder, home=home)
    return folder


@pytest.fixture(scope="session")
def mnist_run(mnist: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on all of MNIST."""
    folder = tmp_path_factory.mktemp("mnist")
    train = ("train", "--data", mnist, "--lambdas", "100,1000", "--out", "run")
    run_command(*train, cwd=folder, home=home)
    return folder / "run"
