"""Cores and memory as a container has them: by files of real form, and in real control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ridge_spark.cores import available_cores, available_memory, core_numbers, cpu_quota
from ridge_spark.errors import InputError
from tests.support import HANGS, ROOT

HERE = len(core_numbers())
PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
V1 = Path("/sys/fs/cgroup")


@pytest.fixture(autouse=True)
def _nobody_says(monkeypatch):
    monkeypatch.delenv("PYTHON_CPU_COUNT", raising=False)


def process(folder, memberships, mounts):
    """The files of a process; `mounts` are (type, controllers, root, folder)."""
    (folder / "cgroup").write_text("".join(f"{line}\n" for line in memberships))
    lines = ["22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"]
    for kind, controllers, root, place in mounts:
        escaped = str(place).replace(" ", "\\040")
        lines.append(f"31 22 0:29 {root} {escaped} rw,nosuid - {kind} cgroup rw,{controllers}")
    (folder / "mountinfo").write_text("\n".join(lines) + "\n")
    return folder


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


class TestVersion2:
    @pytest.fixture
    def tree(self, tmp_path):
        return tmp_path / "a mount"  # as a name with a blank in mountinfo is escaped

    def test_the_tightest_of_all_groups_above_counts(self, tmp_path, tree):
        write(tree / "pod", cpu__max="50000 100000", memory__max=2**28)
        write(tree / "pod" / "app", cpu__max="max 100000", memory__max="max")
        found = process(tmp_path, ["0::/pod/app"], [("cgroup2", "nsdelegate", "/", tree)])
        assert cpu_quota(found).cores == 0.5
        assert available_cores(found) == 1
        assert available_memory(found) == 2**28

    def test_a_container_sees_its_own_group_as_the_root(self, tmp_path, tree):
        write(tree, cpu__max="150000 100000", memory__max=2**28)
        found = process(tmp_path, ["0::/"], [("cgroup2", "nsdelegate", "/", tree)])
        assert cpu_quota(found).cores == 1.5
        assert available_cores(found) == min(HERE, 2)
        assert available_memory(found) == 2**28

    def test_no_limit_is_that_of_the_machine(self, tmp_path, tree):
        write(tree / "app", cpu__max="max 100000", memory__max="max")
        found = process(tmp_path, ["0::/app"], [("cgroup2", "nsdelegate", "/", tree)])
        assert cpu_quota(found) is None
        assert available_cores(found) == HERE
        assert available_memory(found) == PHYSICAL


class TestVersion1:
    def mounts(self, folder, root="/"):
        return [
            ("cgroup", "cpu,cpuacct", root, folder / "cpu,cpuacct"),
            ("cgroup", "memory", root, folder / "memory"),
            ("cgroup", "cpuset", root, folder / "cpuset"),
            ("cgroup2", "", "/", folder / "unified"),
        ]

    MEMBERSHIPS = (
        "12:cpu,cpuacct:/docker/abc",
        "5:memory:/docker/abc",
        "1:name=systemd:/x",
        "0::/",
    )

    @pytest.mark.parametrize("root", ["/", "/docker/abc"])
    def test_a_container_with_the_host_s_tree_or_only_its_own(self, tmp_path, root):
        own = "docker/abc" if root == "/" else ""
        write(tmp_path / "cpu,cpuacct" / own, cpu__cfs_quota_us=20000, cpu__cfs_period_us=10000)
        write(tmp_path / "memory" / own, memory__limit_in_bytes=2**28)
        found = process(tmp_path, self.MEMBERSHIPS, self.mounts(tmp_path, root))
        assert cpu_quota(found).cores == 2
        assert available_memory(found) == 2**28

    def test_no_limit_is_that_of_the_machine(self, tmp_path):
        write(tmp_path / "cpu,cpuacct" / "docker" / "abc",
              cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)  # fmt: skip
        write(tmp_path / "memory" / "docker" / "abc", memory__limit_in_bytes=2**63 - 4096)
        found = process(tmp_path, self.MEMBERSHIPS, self.mounts(tmp_path))
        assert (available_cores(found), available_memory(found)) == (HERE, PHYSICAL)

    def test_a_path_out_of_what_is_mounted_is_the_mount_itself(self, tmp_path):
        write(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us=5000, cpu__cfs_period_us=10000)
        found = process(tmp_path, ["4:cpu,cpuacct:/../.."], self.mounts(tmp_path, "/docker/abc"))
        assert cpu_quota(found).cores == 0.5


def test_a_system_without_control_groups(tmp_path):
    assert (available_cores(tmp_path), available_memory(tmp_path)) == (HERE, PHYSICAL)


def test_what_the_user_says_goes_before_all_else(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHON_CPU_COUNT", "7")
    assert available_cores(tmp_path) == 7
    monkeypatch.setenv("PYTHON_CPU_COUNT", "default")
    assert available_cores(tmp_path) == HERE
    for wrong in ("", "0", "-1", "many"):
        monkeypatch.setenv("PYTHON_CPU_COUNT", wrong)
        with pytest.raises(InputError, match=f"PYTHON_CPU_COUNT={wrong}: must be"):
            available_cores(tmp_path)


@pytest.fixture
def group():
    """Makes real control groups, of one core's time and 3 GiB, and gives what joins them."""
    version2 = (V1 / "cgroup.controllers").is_file()
    name = f"ridge-spark-{os.getpid()}"
    limits = {"cpu": {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "50000"},
              "memory": {"memory.limit_in_bytes": str(3 * 2**30)}}  # fmt: skip
    if version2:
        limits = {"": {"cpu.max": "50000 50000", "memory.max": str(3 * 2**30)}}
    folders = [V1 / controller / name for controller in limits]
    try:
        for folder, files in zip(folders, limits.values(), strict=True):
            folder.mkdir()
            for file, content in files.items():
                (folder / file).write_text(content)
    except OSError as error:
        pytest.skip(f"no control groups can be made here: {error}")
    else:
        yield folders
    finally:
        for folder in folders:
            if folder.is_dir():
                folder.rmdir()


def run_in(folders, *command, **keywords):
    def join():
        for folder in folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    return subprocess.run(
        command, preexec_fn=join, capture_output=True, text=True, check=False, timeout=HANGS,
        **keywords,
    )  # fmt: skip


def test_a_real_control_group(group, environment):
    code = "from ridge_spark.cores import *; print(available_cores(), available_memory())"
    done = run_in(group, sys.executable, "-c", code, env=environment, cwd=ROOT)
    assert done.stdout == f"1 {3 * 2**30}\n", done.stderr


def test_a_run_in_a_container_has_the_threads_of_its_quota(
    group, environment, small_data, tmp_path
):
    """Ours and those of BLAS: where the quota is one core's time, two would wait for each other."""
    code = (
        "import atexit; from ridge_spark.cli import main\n"
        "def tell():\n"
        "    import pyarrow, threadpoolctl\n"
        "    pools = threadpoolctl.threadpool_info()\n"
        "    print('threads', pyarrow.cpu_count(), *{pool['num_threads'] for pool in pools})\n"
        f"atexit.register(tell); main(['train', '--data', {str(small_data)!r}, '--out', 'run'])"
    )
    done = run_in(group, sys.executable, "-c", code, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"threads": 1,' in (tmp_path / "run" / "result.json").read_text()
    assert done.stdout.splitlines()[-1] == "threads 1 1", done.stdout
