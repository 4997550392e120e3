"""Finished runs, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import run_command


@pytest.fixture(scope="session")
def small_runs(small_data: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `trained` and `updated`, runs on the small images."""
    folder = tmp_path_factory.mktemp("runs")
    lambdas = ("--lambdas", "1,100,10000", "--limit", 2000)
    data = ("--data", small_data)
    run_command("train", *data, *lambdas, "--out", "trained", cwd=folder, home=home)
    change = ("--add", small_data / "train", "--test", small_data)
    run_command("update", "--model", "trained", *change, "--out", "updated", cwd=folder, home=home)
    return folder
