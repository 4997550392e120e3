"""What the tests share: the real MNIST, a small data set of drawn images, and the real command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset
from tests.importing.pictures import write_classes
from tests.support import (
    HANGS,
    JAVA,
    ROOT,
    SMALL_NAMES,
    SMALL_SHAPE,
    Command,
    alone_at,
    draw_images,
    run_command,
)

# The files of tests that take longest, so that no process is left alone with one at the end.
LONGEST = (
    "emr/test_smoke.py",
    "engines/test_spark_submit.py",
    "emr/test_lifecycle.py",
    "docs/test_commands.py",
    "emr/test_submit.py",
    "engines/test_equality.py",
    "packaging/test_wheel.py",
    "emr/test_rules.py",
    "engines/test_spark_images.py",
    "mpi/test_slurm.py",
    "mpi/test_equality.py",
    "emr/test_serverless.py",
    "emr/test_packages.py",
    "emr/test_terraform.py",
    "engines/test_quiet.py",
    "emr/test_wrong_use.py",
    "importing/test_hands.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the order within a file stays, as some depend on it."""
    order = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


# A process that has to wait for its turn is no slow example: 200 ms for one, Hypothesis's default,
# made tests fail now and then on a machine that was busy. What fails is printed so that it can be
# tried again. New examples are looked for at a desk; whoever waits for CI gets the same each time.
settings.register_profile(
    "busy",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("busy")


def pytest_configure() -> None:
    """Tests press Ctrl-C: a shell has background commands, and all they start, ignore that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without MNIST; one for all tests, so that the kernel is compiled once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The environment of a command: this checkout's code, and nothing of the user's."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, **JAVA, "HOME": str(home), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def ridge_spark(tmp_path: Path, environment: dict[str, str]) -> Command:
    """Run the console command `ridge-spark` with these arguments, in `tmp_path` if not elsewhere.

    Further keywords (`env`, `preexec_fn`, ...) are those of `subprocess.run`.
    """
    command = Path(sys.executable).with_name("ridge-spark")

    def run(*arguments: object, **keywords: object) -> subprocess.CompletedProcess[str]:
        settings = {"cwd": tmp_path, "env": environment, "timeout": HANGS, **keywords}
        return subprocess.run(
            [command, *map(str, arguments)], capture_output=True, text=True, check=False, **settings
        )

    return run


@pytest.fixture(scope="session")
def mnist() -> Path:
    """MNIST as a data set: the one `make run` made, or else one made once and kept in .cache."""
    made = ROOT / "data" / "mnist"
    kept = ROOT / ".cache" / "mnist"
    with alone_at(kept):
        for found in (made, kept):
            if found.is_dir():
                return found
        importing = [sys.executable, "-m", "ridge_spark", "import", "mnist", "--out", kept]
        subprocess.run(importing, cwd=ROOT, check=True)
    return kept


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """9,000 and 1,000 images of 6x5 pixels in three classes, in three blocks and one; read only."""
    folder = tmp_path_factory.mktemp("small") / "data"
    splits = {
        split: [draw_images(n, int(np.prod(SMALL_SHAPE)), len(SMALL_NAMES), seed)]
        for split, n, seed in (("train", 9000, 1), ("test", 1000, 2))
    }
    write_dataset(str(folder), Description(SMALL_SHAPE, SMALL_NAMES, "drawn"), splits)
    return folder


@pytest.fixture(scope="session")
def few_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 images of 128x128 pixels in three blocks, and 60 to test on: fewer than pixels."""
    folder = tmp_path_factory.mktemp("few") / "data"
    splits = {
        split: [draw_images(n, 128 * 128, len(SMALL_NAMES), seed)]
        for split, n, seed in (("train", 600, 1), ("test", 60, 2))
    }
    write_dataset(str(folder), Description((128, 128, 1), SMALL_NAMES, "drawn"), splits)
    return folder


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
