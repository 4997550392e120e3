"""Memory: one copy of the images on a node, and sums that no single message can carry."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from mpi_hybrid.memory import given_by_slurm
from tests.mpi.conftest import MpiRun
from tests.support import HANGS

PROGRAM = Path(__file__).with_name("large_sum.py")


def test_a_sum_beyond_two_gigabytes(mpirun: MpiRun) -> None:
    memory = Path("/proc/meminfo").read_text().split()
    if int(memory[memory.index("MemAvailable:") + 1]) < 7 * 2**20:
        pytest.skip("two ranks with 2.2 GB each need 7 GiB of free memory")
    done = mpirun(2, PROGRAM, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[1]) > 2**31


# What is freed goes back to the system at once, so that memory held is memory needed.
TIDY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "0",
}


def test_four_ranks_of_a_node_share_one_copy_of_the_images(hybrid: MpiRun, mnist: Path) -> None:
    """What 50,000 more images cost a node is their size, once, and what is held out of them."""
    needed = []
    for images in (10_000, 60_000):
        done = hybrid(
            4, "model", "--data", mnist, "--limit", images, "--out", f"run-{images}",
            "--threads", 1, "--solver", "cholesky", "--lambdas", "1,2", "--json", env=TIDY,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        needed.append(json.loads(done.stdout)["mpi"])
    fewer, more = needed
    copy = 50_000 * (784 + 4) / 2**20
    assert more["node_shared_mb"] - fewer["node_shared_mb"] == pytest.approx(copy, rel=0.03)
    held_out = 4 * copy / 5  # each rank keeps those, up to a limit, to judge probabilities by
    assert more["node_mb"] - fewer["node_mb"] < copy + held_out + copy / 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, math.inf),
        ({"MEM_PER_NODE": "0"}, math.inf),
        ({"MEM_PER_NODE": "4096", "MEM_PER_CPU": "1", "CPUS_ON_NODE": "8"}, 4096 * 2**20),
        ({"MEM_PER_CPU": "512", "CPUS_ON_NODE": "8"}, 4096 * 2**20),
        ({"MEM_PER_CPU": "512"}, math.inf),
    ],
)
def test_what_slurm_gives_a_job_is_what_it_has(told, expected, monkeypatch) -> None:
    for name in ("MEM_PER_NODE", "MEM_PER_CPU", "CPUS_ON_NODE"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)
    for name, value in told.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert given_by_slurm() == expected
