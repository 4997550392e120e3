"""Both modes find what the local engine finds, bit for bit, on any number of ranks and threads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.mpi.conftest import COMPILED, MpiRun
from tests.mpi.findings import LIMIT, agreed
from tests.support import Command

PROGRAM = Path(__file__).with_name("all_modes.py")


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
def test_every_mode_thread_count_and_search_agrees(
    ranks: int,
    mpirun: MpiRun,
    thumbnails: Path,
    few_images: Path,
    found_locally: dict[str, list[Any]],
) -> None:
    done = mpirun(ranks, PROGRAM, thumbnails, LIMIT, few_images)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 12
    for run, theirs in found.items():
        assert theirs == found_locally[run.rpartition(", ")[2]], run


def test_the_commands_agree_on_all_of_mnist(
    hybrid: MpiRun,
    ridge_spark: Command,
    environment: dict[str, str],
    mnist: Path,
    tmp_path: Path,
) -> None:
    local = ridge_spark("train", "--data", mnist, "--out", tmp_path / "local", "--json")
    expected = json.loads(local.stdout)
    for mode in ("model", "data"):
        out = tmp_path / mode
        done = hybrid(
            3, mode, "--data", mnist, "--out", out, "--threads", 1, env=environment | COMPILED
        )
        assert done.returncode == 0, done.stderr
        result = json.loads((out / "result.json").read_text())
        assert agreed(result) == agreed(expected)
        assert expected.keys() <= result.keys()
        assert result["engine"] == f"mpi-{mode}"
        asked = f"mpi_hybrid {mode} --data {mnist} --out {out} --threads 1"
        assert result["command"] == f"mpirun -n 3 python -m {asked}"
        assert (result["workers"], result["threads"]) == (3, 1)
        assert len(result["mpi"]["busy_seconds"]) == 3
        assert {task["worker"].rpartition("/")[2] for task in result["tasks"]} == {"0", "1", "2"}
        assert f"{expected['test_accuracy']:.4f} on 10,000 images" in done.stdout
        assert not list(tmp_path.glob("*.checkpoint"))
        assert sorted(path.name for path in out.iterdir()) == [
            "manifest.json", "model.safetensors", "report.html", "result.json",
            "statistics.safetensors",
        ]  # fmt: skip


def test_more_ranks_than_blocks(hybrid: MpiRun, ridge_spark: Command, small_data: Path) -> None:
    local = ridge_spark("train", "--data", small_data, "--out", "local", "--json")
    for mode in ("model", "data"):
        done = hybrid(5, mode, "--data", small_data, "--out", mode, "--json", "--threads", 1)
        assert done.returncode == 0, done.stderr
        assert agreed(json.loads(done.stdout)) == agreed(json.loads(local.stdout))


@pytest.mark.parametrize("solver", ["tridiagonal", "cholesky"])
def test_factorisations_spread_over_ranks_make_the_same_model(
    solver: str, hybrid: MpiRun, small_data: Path
) -> None:
    """5 λ and 4 systems: 20 factorisations, or 4 reductions, on 3 ranks."""
    shared = ("--data", small_data, "--folds", 3, "--lambdas", "1,2,3,4,5", "--solver", solver)
    results = []
    for ranks in (1, 3):
        done = hybrid(ranks, "model", *shared, "--out", f"on-{ranks}", "--json", "--threads", 1)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    alone, spread = results
    assert spread["model_sha256"] == alone["model_sha256"]
    assert spread["gcv"] == alone["gcv"]
    assert spread["solver"] == solver


def test_average_says_what_it_is_and_what_it_costs(
    hybrid: MpiRun, ridge_spark: Command, thumbnails: Path
) -> None:
    shared = ("--data", thumbnails, "--limit", 9000, "--json")
    exact = json.loads(ridge_spark("train", *shared, "--out", "exact").stdout)
    done = hybrid(3, "data", "--combine", "average", *shared, "--out", "average")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    cost = result["approximation"]
    assert result["combine"] == "average"
    assert result["statistics_sha256"] == exact["statistics_sha256"]
    assert cost["exact_test_accuracy"] == exact["test_accuracy"]
    assert cost["exact_best_lambda"] == exact["best_lambda"]
    assert cost["test_accuracy_lost"] == pytest.approx(
        exact["test_accuracy"] - result["test_accuracy"]
    )
    assert 0 < abs(cost["test_accuracy_lost"]) < 0.05
    assert result["gcv"] == [None] * 10


def test_the_average_on_one_rank_is_exact(
    hybrid: MpiRun, ridge_spark: Command, small_data: Path
) -> None:
    exact = json.loads(
        ridge_spark("train", "--data", small_data, "--out", "exact", "--json").stdout
    )
    done = hybrid(1, "data", "--combine", "average", "--data", small_data, "--out", "average")
    assert done.returncode == 0, done.stderr
    assert "APPROXIMATION" in done.stdout
    assert "averaging lost 0.00 percentage points" in done.stdout
    assert f"test accuracy  {exact['test_accuracy']:.4f}" in done.stdout
