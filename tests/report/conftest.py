"""Runs of the real program on a small data set, made once for all tests of the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ridge_spark.runs.directory import Run, read_run
from ridge_spark.runs.result import Result
from tests.report.dots import write_dots
from tests.support import HANGS, JAVA, ROOT, Command


@pytest.fixture(scope="session")
def program() -> Command:
    """Run `ridge-spark` as a process of its own."""

    def run(
        *arguments: object, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ridge_spark", *map(str, arguments)],
            cwd=cwd, capture_output=True, text=True, check=False, timeout=HANGS,
            env={**os.environ, "PYTHONPATH": str(ROOT), **JAVA, **environment},
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def dots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dots(tmp_path_factory.mktemp("data") / "dots", {"train": 900, "test": 300})


@pytest.fixture(scope="session")
def finished(dots: Path, program: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs on the dots: `holdout` and `folds`."""
    folder = tmp_path_factory.mktemp("runs")
    for name, options in (("holdout", ()), ("folds", ("--folds", 3, "--seed", 7))):
        done = program("train", "--data", dots, "--out", folder / name, *options)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run(finished: Path) -> Run:
    return read_run(str(finished / "holdout"), means=True)


@pytest.fixture
def result(run: Run) -> Result:
    return run.result
