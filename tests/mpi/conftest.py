"""MPI for the tests: programs started on several ranks, by whatever launcher the project uses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ridge_spark.data.dataset import Description, open_split, read_blocks
from ridge_spark.data.writer import write_dataset
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.view import View
from ridge_spark.progress import Progress
from ridge_spark.ridge.folds import Folds
from ridge_spark.runs.training import train
from tests.engines.mapped import candidates, dual_findings, halved, listed
from tests.mpi.findings import LIMIT, findings, options_of
from tests.support import HANGS, ROOT, give_up

# Where compiled code is kept, so that not every test has every rank compile it.
COMPILED = {"XDG_CACHE_HOME": str(ROOT / ".cache")}

MpiRun = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def launcher() -> str:
    """`mpiexec`: the one beside this Python, as the mpich wheel brings it, else the machine's."""
    if not find_spec("mpi4py"):
        give_up("mpi4py is not installed: see requirements-mpi.txt")
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if not found:
        give_up("no mpiexec: see requirements-mpi.txt")
    return found


@pytest.fixture
def mpirun(launcher: str, environment: dict[str, str], no_jinja: Path, tmp_path: Path) -> MpiRun:
    """Run Python on a number of ranks: `mpirun(4, "-m", "mpi_hybrid", "data", ...)`."""

    def run(
        ranks: int, *arguments: object, env: dict[str, str] | None = None, **keywords: Any
    ) -> subprocess.CompletedProcess[str]:
        command = [launcher, "-n", str(ranks), sys.executable, *map(str, arguments)]
        settings = {"cwd": tmp_path, "timeout": HANGS, **keywords}
        path = f"{no_jinja}{os.pathsep}{environment['PYTHONPATH']}"
        settings["env"] = environment | {"PYTHONPATH": path, **COMPILED} | (env or {})
        return subprocess.run(command, capture_output=True, text=True, check=False, **settings)

    return run


@pytest.fixture(scope="session")
def no_jinja(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that keeps Jinja from being imported: no report, as on most clusters."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "jinja2.py").write_text("raise ImportError('there is no Jinja here')\n")
    return folder


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


@pytest.fixture(scope="session")
def found_locally(thumbnails: Path, few_images: Path) -> dict[str, list[Any]]:
    """What the local engine finds in the first LIMIT thumbnails, with a holdout and 5 folds."""
    found = {}
    for folds in (None, 5):
        options = options_of(folds)
        split = open_split(str(thumbnails), "train").limited(LIMIT)
        test = open_split(str(thumbnails), "test")
        engine = LocalEngine(split, test, 2, Progress(quiet=True))
        found[f"folds {folds}"] = findings(train(engine, options))
    engine.view = View(66, 2, halved)
    groups = [each.sha256() for each in engine.statistics(Folds.k(3))]
    scored = listed(engine.score(Folds.k(3), candidates(66)))
    found["primitives"] = [groups, scored, [0, 1, 4, 9, 16, 25, 36]]
    few = LocalEngine(open_split(str(few_images), "train"), None, 2, Progress(quiet=True))
    found["dual"] = json.loads(json.dumps(dual_findings(few)))
    return found
