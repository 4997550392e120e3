"""Every engine, partitioning, master and Spark version finds the same, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emr.package import package_code
from ridge_spark.data.dataset import Description, open_split
from ridge_spark.data.writer import write_dataset
from ridge_spark.engines.local import LocalEngine
from ridge_spark.progress import Progress
from ridge_spark.ridge.threads import blas_threads
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import train
from tests.engines.all_engines import SEARCHES, findings, options_of, splits_of
from tests.engines.processes import OLDEST, Submit
from tests.support import ROOT, Command

JOB = Path(__file__).with_name("all_engines.py")


@pytest.fixture(scope="session")
def found_locally(mnist: Path) -> dict[str, Any]:
    """What the local engine finds: with a holdout, with 5 folds, and with features."""
    found = {}
    for search, folds in SEARCHES.items():
        engine = LocalEngine(*splits_of(str(mnist), search), 2, Progress(quiet=True))
        found[search] = findings(engine, options_of(search, folds))
    assert all(each[1] is True for each in found.values())
    return json.loads(json.dumps(found))


def test_threads_that_blas_has_anyway_leave_the_bits_alone(tmp_path: Path) -> None:
    """Of 3,072 pixels, enough that it would share out a product with them."""
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (600, 3072), np.uint8), np.arange(600) % 3
    uri = str(tmp_path / "few")
    about = Description((32, 32, 3), ("ant", "bee", "cat"), "noise")
    write_dataset(uri, about, {"train": [(images, labels)]})
    split, quiet = open_split(uri, "train"), Progress(quiet=True)
    options = TrainOptions(uri, "", parse_lambdas("1,600"), make_folds(None, 2, 0))
    found = set()
    for threads in (1, 2):
        with blas_threads(threads):
            training = train(LocalEngine(split, None, 1, quiet), options)
        found.add((training.model.sha256(), *training.gcv))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("version", "master", "partitions"),  # each of one with each of another
    [
        (OLDEST, "local[2]", (1, 7)),
        (OLDEST, "local-cluster[2,1,1024]", (2,)),
        ("installed", "local[2]", (2,)),
        ("installed", "local-cluster[2,1,1024]", (1, 7)),
    ],
)
def test_spark_finds_what_one_process_finds_and_needs_only_the_zip(
    version: str,
    master: str,
    partitions: tuple[int, ...],
    submit: Submit,
    mnist: Path,
    found_locally: dict[str, Any],
    tmp_path: Path,
) -> None:
    code = package_code(tmp_path / "dist")
    done = submit(
        "--master", master, "--py-files", code, JOB, mnist, *partitions, version=version,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])

    assert ".zip" in told["driver"]
    assert ".zip" in told["worker"]
    assert told["spark"]["version"].startswith(OLDEST if version == OLDEST else "4.")
    assert told["spark"]["master"] == master
    # Two engines, 5 folds in one partitioning, the other two searches in each.
    assert len(told["found"]) == 2 * (1 + 2 * len(partitions))
    for run, found in told["found"].items():
        assert found == found_locally[run.rpartition(", ")[2]], run
    assert "patches" in json.dumps(found_locally["features"])
    assert told["told"] == sorted(told["told"])
    assert any(0 < images < 60_000 for images in told["told"])  # before its only task ended


def test_cores_that_a_spark_task_has_leave_the_bits_alone(
    submit: Submit, ridge_spark: Command, mnist: Path, tmp_path: Path
) -> None:
    shared = ("--data", mnist, "--limit", 3000, "--solver", "cholesky", "--lambdas", "1,600")
    local = ridge_spark("train", *shared, "--out", tmp_path / "local", "--json")
    done = submit(
        "--master", "local[4]", "--conf", "spark.task.cpus=2", ROOT / "jobs" / "outer.py", *shared,
        "--out", tmp_path / "outer", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    expected, found = json.loads(local.stdout), json.loads(done.stdout)
    assert (found["workers"], found["threads"]) == (2, 2)
    assert found["model_sha256"] == expected["model_sha256"]
    assert found["gcv"] == expected["gcv"]
