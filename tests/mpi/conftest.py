"""MPI for the tests: programs started on several ranks, by whatever launcher the project uses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ridge_spark.data.dataset import Description, open_split, read_blocks
from ridge_spark.data.writer import write_dataset

MpiRun = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def launcher() -> str:
    """`mpiexec`: the one beside this Python, as the mpich wheel brings it, else the machine's."""
    pytest.importorskip("mpi4py", reason="mpi4py is not installed: see requirements-mpi.txt")
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if not found:
        pytest.skip("no mpiexec: see requirements-mpi.txt")
    return found


@pytest.fixture
def mpirun(launcher: str, environment: dict[str, str], tmp_path: Path) -> MpiRun:
    """Run Python on a number of ranks: `mpirun(4, "-m", "mpi_hybrid", "data", ...)`."""

    def run(
        ranks: int, *arguments: object, env: dict[str, str] | None = None, **keywords: Any
    ) -> subprocess.CompletedProcess[str]:
        command = [launcher, "-n", str(ranks), sys.executable, *map(str, arguments)]
        settings = {"cwd": tmp_path, "timeout": 120, **keywords}
        settings["env"] = environment | (env or {})
        return subprocess.run(command, capture_output=True, text=True, check=False, **settings)

    return run


@pytest.fixture
def hybrid(mpirun: MpiRun) -> MpiRun:
    """Run `python -m mpi_hybrid` on a number of ranks."""

    def run(ranks: int, *arguments: object, **keywords: Any) -> subprocess.CompletedProcess[str]:
        return mpirun(ranks, "-m", "mpi_hybrid", *arguments, **keywords)

    return run


@pytest.fixture(scope="session")
def thumbnails(mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All images of MNIST with every other row and column left out: 14x14, solved in no time."""
    uri = tmp_path_factory.mktemp("thumbnails") / "data"
    splits = {}
    for split in ("train", "test"):
        blocks = read_blocks(open_split(str(mnist), split).blocks)
        splits[split] = (
            (block.images.reshape(-1, 28, 28)[:, ::2, ::2], block.labels) for block in blocks
        )
    names = tuple("0123456789")
    write_dataset(str(uri), Description((14, 14, 1), names, "MNIST, made smaller"), splits)
    return uri
