"""A small data set with names that are hard on a page, and runs on it by the real program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import DatasetWriter

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("<script>alert('1')</script>", r"$\frac{a$ & b", 'a "quoted" name', "ein λ")
SHAPE = (6, 9, 1)

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def program() -> Program:
    """Run `ridge-spark` as a process of its own."""

    def run(
        *arguments: object, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ridge_spark", *map(str, arguments)],
            cwd=cwd, capture_output=True, text=True, check=False, timeout=200,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip

    return run


def write_dots(folder: Path, splits: dict[str, int], seed: int = 0) -> Path:
    """Noise with a brighter column for each class, one for each of NAMES."""
    random = np.random.default_rng(seed)
    with DatasetWriter(str(folder), Description(SHAPE, NAMES, "dots")) as writer:
        for split, n in splits.items():
            labels = random.integers(0, len(NAMES), n)
            images = random.integers(0, 120, (n, *SHAPE[:2]), dtype=np.uint8)
            images[np.arange(n), :, 2 * labels] += 20
            writer.append(split, images, labels)
    return folder


@pytest.fixture(scope="session")
def dots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dots(tmp_path_factory.mktemp("data") / "dots", {"train": 900, "test": 300})


@pytest.fixture(scope="session")
def finished(dots: Path, program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs on the dots: `holdout` and `folds`."""
    folder = tmp_path_factory.mktemp("runs")
    for name, options in (("holdout", ()), ("folds", ("--folds", 3, "--seed", 7))):
        done = program("train", "--data", dots, "--out", folder / name, *options)
        assert done.returncode == 0, done.stderr
    return folder
