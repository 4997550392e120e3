"""How many cores a rank has, with and without binding, and what is said when they are too few."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_hybrid.cores import Cores, cores_each, default_threads, warning_of_few_cores
from ridge_spark.cores import Quota
from ridge_spark.errors import InputError
from tests.mpi.conftest import MpiRun


def cores(*numbers: int, quota: float | None = None, group: int = 1) -> Cores:
    return Cores(frozenset(numbers), None if quota is None else Quota(quota, (0, group)))


ALL = cores(*range(8))
SMALL = cores(*range(8), quota=3)  # 3 cores' time on any of 8


@pytest.mark.parametrize(
    ("mine", "node", "cores"),
    [
        (ALL, [ALL], 8),
        (ALL, [ALL] * 4, 2),
        (ALL, [ALL] * 3, 8 / 3),
        (cores(0, 1), [cores(0, 1), cores(2, 3)], 2),
        (cores(0, 1), [cores(0, 1), cores(0, 1, 2, 3)], 1),
        (cores(5), [cores(5)] * 2, 0.5),
        (SMALL, [SMALL], 3),
        (SMALL, [SMALL, SMALL], 1.5),
        (SMALL, [SMALL, cores(*range(8), quota=3, group=2)], 3),
        (SMALL, [SMALL] + [ALL] * 7, 1),
    ],
)
def test_a_rank_has_its_part_of_the_cores_and_of_its_quota(
    mine: Cores, node: list[Cores], cores: float
) -> None:
    assert cores_each(mine, node) == pytest.approx(cores)


def test_threads_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert [default_threads(cores) for cores in (8, 8 / 3, 2.9999999, 0.5)] == [8, 2, 3, 1]
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    assert default_threads(2) == 6
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "0")
    with pytest.raises(InputError, match="give --threads"):
        default_threads(2)


def test_a_warning_where_there_are_more_threads_than_cores() -> None:
    assert warning_of_few_cores(2, 2, ALL, [ALL] * 4) is None
    crowded = warning_of_few_cores(3, 2, ALL, [ALL] * 4)
    assert crowded is not None
    assert "4 ranks x 3 threads share 8 cores" in crowded
    bound = [cores(0), cores(1)]
    warning = warning_of_few_cores(4, 1, bound[0], bound)
    assert warning is not None
    assert "bound to 1" in warning
    assert "--bind-to none" in warning
    throttled = warning_of_few_cores(2, 1.5, SMALL, [SMALL] * 2)
    assert throttled is not None
    assert "2 ranks x 2 threads share a CPU quota of 3 cores" in throttled


@pytest.mark.parametrize("arguments", [("model",), ("data", "--combine", "average")])
def test_blas_never_has_more_threads_than_the_rank(
    arguments: tuple[str, ...], mpirun: MpiRun, thumbnails: Path
) -> None:
    """Left alone it takes every core: several ranks on a node would slow one another down."""
    program = Path(__file__).with_name("blas_use.py")
    done = mpirun(2, program, *arguments, "--data", thumbnails, "--out", "run", "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("BLAS threads: 1\n") == 2, done.stderr
