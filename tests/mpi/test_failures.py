"""A run that goes wrong ends, on all ranks, with a status and a message that tell why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ridge_spark.data.dataset import Description, open_split
from ridge_spark.data.writer import write_dataset
from tests.mpi.conftest import MpiRun
from tests.support import HANGS, SMALL_NAMES, draw_images

PROGRAMS = Path(__file__).parent


def test_a_mistake_in_one_rank_ends_all(mpirun: MpiRun, small_data: Path, tmp_path: Path) -> None:
    program = PROGRAMS / "failing_rank.py"
    done = mpirun(3, program, "data", "--data", small_data, "--out", "run", timeout=HANGS)
    assert done.returncode != 0
    assert "rank 1 of 3" in done.stderr
    assert "ZeroDivisionError: a mistake on rank 1" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_killed_rank_ends_all(mpirun: MpiRun, thumbnails: Path, tmp_path: Path) -> None:
    done = mpirun(
        3, PROGRAMS / "interrupted.py", "SIGKILL", 1, 2, "rank",
        "data", "--data", thumbnails, "--out", "run", timeout=HANGS,
    )  # fmt: skip
    assert done.returncode != 0
    assert "signal 9" in done.stdout + done.stderr
    assert not (tmp_path / "run").exists()


def test_ctrl_c_ends_all_with_one_line(mpirun: MpiRun, thumbnails: Path, tmp_path: Path) -> None:
    done = mpirun(
        3, PROGRAMS / "interrupted.py", "SIGINT", 1, 2, "launcher",
        "data", "--data", thumbnails, "--out", "run", timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert done.stderr.count("mpi_hybrid: interrupted; no run directory was written") == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mode", ["model", "data"])
def test_a_damaged_block_is_named_by_the_rank_that_reads_it(
    mode: str, hybrid: MpiRun, small_data: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(small_data, damaged)
    last = open_split(str(damaged), "train").blocks[-1]
    column = pq.ParquetFile(last.path).metadata.row_group(last.row_group).column(0)
    with open(last.path, "r+b") as shard:
        shard.seek(column.data_page_offset + 20)
        shard.write(os.urandom(2000))
    done = hybrid(2, mode, "--data", damaged, "--out", "run", timeout=HANGS)
    assert done.returncode == 2
    assert f"error on rank 1 of 2 ({os.uname().nodename}): {last.path}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["data", "--out", "taken"], "--out taken: exists already"),
        (["data", "--out", "new", "--folds", "x"], "--folds"),
        (["data", "--out", "new", "--checkpoint", "-1"], "--checkpoint -1"),
        (["data", "--out", "new", "--threads", "0"], "--threads 0"),
        (["model", "--out", "new", "--combine", "average"], "--combine"),
        (["model", "--out", "new", "--limit", "2"], "raise --limit"),
        (["neither"], "neither"),
    ],
)
def test_what_all_ranks_find_wrong_is_said_once(
    arguments: list[str], named: str, hybrid: MpiRun, small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    data = ["--data", small_data] if len(arguments) > 1 else []
    done = hybrid(2, *arguments, *data, timeout=HANGS)
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(told) == 1, done.stderr
    assert told[0].startswith("mpi_hybrid: error: ")
    assert named in told[0]
    assert not (tmp_path / "new").exists()


def test_help_is_printed_by_one_rank(hybrid: MpiRun) -> None:
    done = hybrid(3, "data", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: python -m mpi_hybrid data") == 1
    assert "--combine" in done.stdout


def test_test_images_of_another_shape(hybrid: MpiRun, small_data: Path, tmp_path: Path) -> None:
    shutil.copytree(small_data / "train", tmp_path / "mixed" / "train")
    other = Description((5, 5, 1), SMALL_NAMES, "drawn")
    write_dataset(str(tmp_path / "other"), other, {"test": [draw_images(100, 25, 3)]})
    shutil.move(tmp_path / "other" / "test", tmp_path / "mixed" / "test")
    done = hybrid(2, "data", "--data", "mixed", "--out", "run", timeout=HANGS)
    assert done.returncode == 2
    assert done.stderr.count("mixed/test: images of 5x5x1, but those of the training split") == 1
    assert "Traceback" not in done.stderr


def test_tasks_of_slurm_that_do_not_find_each_other(hybrid: MpiRun, small_data: Path) -> None:
    arguments = ("data", "--data", small_data, "--out", "run")
    done = hybrid(1, *arguments, env={"SLURM_NTASKS": "4"})
    assert done.returncode == 2
    assert "SLURM_NTASKS is 4, but MPI sees one rank" in done.stderr
    assert "srun --mpi=" in done.stderr
    assert hybrid(2, *arguments, env={"SLURM_NTASKS": "2"}).returncode == 0


def test_threads_come_from_slurm(hybrid: MpiRun, small_data: Path) -> None:
    arguments = ("data", "--data", small_data, "--out", "run")
    done = hybrid(1, *arguments, env={"SLURM_CPUS_PER_TASK": "3"})
    assert "threads of each: 3" in done.stderr
    done = hybrid(1, *arguments[:-1], "other", env={"SLURM_CPUS_PER_TASK": "many"})
    assert done.returncode == 2
    assert "SLURM_CPUS_PER_TASK=many" in done.stderr


def test_shared_memory_that_is_too_small_is_no_bus_error(
    launcher: str, environment: dict[str, str], mnist: Path, tmp_path: Path
) -> None:
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("a /dev/shm of another size takes root and unshare")
    command = [launcher, "-n", "2", sys.executable, "-m", "mpi_hybrid", "model", "--data"]
    script = 'mount -t tmpfs -o size=24m tmpfs /dev/shm && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command, mnist, "--out", "run"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "GiB of shared memory on every node" in done.stderr
    assert "data mode" in done.stderr


@pytest.mark.parametrize("missing", ["mpi4py", "pyspark"])
def test_the_package_imports_without(missing: str, environment: dict[str, str]) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
import mpi_hybrid.cli
mpi_hybrid.cli.main(["data", "--data", "nowhere", "--out", "run"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    said = {"mpi4py": "pip install 'ridge-spark[mpi]'", "pyspark": "nowhere"}[missing]
    assert said in done.stderr
    assert "Traceback" not in done.stderr
