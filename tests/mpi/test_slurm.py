"""The SLURM scripts on a real cluster of two nodes."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mpi.findings import LAMBDAS, LIMIT, agreed
from tests.mpi.slurm import Cluster, two_nodes, why_not
from tests.support import ROOT, give_up

RIDGE = "mpi_hybrid/slurm/ridge.sbatch"
PROGRAMS = Path(__file__).parent
SHAPE = ("--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=2")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, no_jinja: Path) -> Iterator[Cluster]:
    reason = why_not()
    if reason:
        give_up(reason)
    with two_nodes(tmp_path_factory.mktemp("slurm"), f"{no_jinja}:{ROOT}") as cluster:
        yield cluster


@pytest.fixture
def arguments(thumbnails: Path, tmp_path: Path) -> list[object]:
    return [
        "--data", thumbnails, "--limit", LIMIT, "--lambdas", LAMBDAS, "--out", tmp_path / "run",
    ]  # fmt: skip


@pytest.fixture
def expected(found_locally: dict[str, list[Any]]) -> list[Any]:
    return found_locally["folds None"]


@pytest.fixture
def instead(tmp_path: Path) -> Any:
    """A `python` that runs a program of the tests where it should run the hybrid."""

    def wrap(program: str, *first: object) -> str:
        path = tmp_path / "python"
        words = " ".join(map(str, (sys.executable, PROGRAMS / program, *first)))
        path.write_text(
            f'#!/bin/sh\n[ "$1" = -m ] || exec {sys.executable} "$@"\nshift 2\nexec {words} "$@"\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return wrap


def result(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "run" / "result.json").read_text())


@pytest.mark.parametrize(("mode", "launch"), [("model", ""), ("data", ""), ("data", "mpirun")])
def test_two_nodes_find_what_one_process_finds(
    mode: str, launch: str, nodes: Cluster, launcher: str, arguments: list[object],
    tmp_path: Path, expected: list[Any],
) -> None:  # fmt: skip
    launch = launch and str(Path(launcher).with_name(launch))
    job = nodes.submit(*SHAPE, RIDGE, mode, *arguments, LAUNCH=launch)
    assert job.wait() == ["COMPLETED"], job.log()
    found = result(tmp_path)
    assert agreed(found) == expected
    assert (found["workers"], found["threads"], found["mpi"]["nodes"]) == (2, 2, 2)
    assert {task["worker"] for task in found["tasks"]} == {"n1/0", "n2/1"}


def test_a_killed_rank_ends_the_job(
    nodes: Cluster, arguments: list[object], instead: Any, tmp_path: Path
) -> None:
    python = instead("interrupted.py", "SIGKILL", 1, 2, "rank")
    job = nodes.submit(*SHAPE, RIDGE, "data", *arguments, PYTHON=python)
    assert job.wait() == ["FAILED"], job.log()
    assert "task 1: Killed" in job.log()
    assert not (tmp_path / "run").exists()


def test_a_node_that_goes_down_costs_nothing_but_time(
    nodes: Cluster, arguments: list[object], instead: Any, tmp_path: Path, expected: list[Any]
) -> None:
    python = instead("slowly.py", 0.5)
    job = nodes.submit(*SHAPE, RIDGE, "data", *arguments, "--checkpoint", 0, PYTHON=python)
    folder = tmp_path / "run.checkpoint"
    job.until(lambda: len(list(folder.glob("*.safetensors"))) == 2)
    nodes.run("scontrol", "update", "nodename=n2", "state=down", "reason=test")
    job.until(lambda: job.states() == ["PENDING"])
    nodes.run("scontrol", "update", "nodename=n2", "state=resume")
    assert job.wait() == ["COMPLETED"], job.log()
    assert "resumed: " in job.log()
    assert agreed(result(tmp_path)) == expected
    assert not folder.exists()


def test_the_signal_before_the_time_limit_saves_and_requeues(
    nodes: Cluster, arguments: list[object], instead: Any, tmp_path: Path, expected: list[Any]
) -> None:
    python = instead("slowly.py", 0.5)
    job = nodes.submit(*SHAPE, RIDGE, "model", *arguments, "--checkpoint", 0, PYTHON=python)
    folder = tmp_path / "run.checkpoint"
    job.until(lambda: list(folder.glob("*.safetensors")))
    nodes.run("scancel", "--batch", "--signal=USR1", job.number)
    assert job.wait() == ["COMPLETED"], job.log()
    assert "stopped by a signal" in job.log()
    assert "out of time: requeued" in job.log()
    assert "resumed: " in job.log()
    assert agreed(result(tmp_path)) == expected


def test_an_srun_that_mpi_does_not_understand_is_explained(
    nodes: Cluster, arguments: list[object], tmp_path: Path
) -> None:
    script = tmp_path / "job.sh"
    words = " ".join(map(str, arguments))
    script.write_text(f"#!/bin/sh\nsrun --mpi=none -n 2 $PYTHON -m mpi_hybrid data {words}\n")
    job = nodes.submit("--nodes=2", script)
    assert job.wait() == ["FAILED"]
    assert job.log().count("SLURM_NTASKS is 2, but MPI sees one rank") == 1
    assert not (tmp_path / "run").exists()


def test_the_job_array_measures_the_grid_and_draws_it(
    nodes: Cluster, thumbnails: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    job = nodes.submit(
        "--array=0-1%1", "--nodes=2", "--cpus-per-task=1", "mpi_hybrid/slurm/sweep.sbatch",
        NODES="1 2", THREADS="1", MODE="data", DATA=str(thumbnails), OUT=str(out),
        PYTHONPATH=str(ROOT),
    )  # fmt: skip
    assert job.wait() == ["COMPLETED"] * 2, job.log()
    measured = json.loads((out / "hybrid.json").read_text())
    assert [(cell["ranks"], cell["threads"]) for cell in measured["results"]] == [(1, 1), (2, 1)]
    assert {"speed_up", "scaled_speed_up", "efficiency"} <= measured["results"][1].keys()
    runs = [json.loads(path.read_text()) for path in sorted(out.glob("*/*/result.json"))]
    assert [run["n_train"] for run in runs] == [60_000, 60_000, 30_000, 60_000]
    assert (out / "hybrid_data.png").stat().st_size > 0
    assert (out / "hybrid_amdahl.png").stat().st_size > 0
