"""A two-node SLURM for the tests, and its jobs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import HANGS, ROOT

SCRIPT = Path(__file__).with_name("slurm_cluster.sh")
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged", "ip", "unshare", "nsenter")
RUNNING_STATES = ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED")
PATIENCE = 150  # seconds for a job; a requeued one has to wait a while before it may start again


def why_not() -> str | None:
    """Why no cluster can be set up here, or None."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in NEEDED if not shutil.which(name, path=path)]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install slurm-wlm munge iproute2"
    if os.geteuid() != 0:
        return "two nodes on one machine take root, for namespaces"
    return None


class Cluster:
    """Runs commands on its login node."""

    def __init__(self, folder: Path, process: int, pythonpath: str) -> None:
        self.folder, self.process, self.pythonpath = folder, process, pythonpath

    def run(self, *command: object, **environment: str) -> str:
        """Standard output of a command in the project's folder; it has to succeed."""
        done = subprocess.run(
            [
                *("nsenter", f"--target={self.process}", "--net", "--uts", "--mount", "--pid"),
                f"--wd={ROOT}",
                *map(str, command),
            ],
            env={
                "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
                "HOME": str(self.folder),
                "SLURM_CONF": str(self.folder / "slurm.conf"),
                "PYTHON": sys.executable,
                "PYTHONPATH": self.pythonpath,
                "XDG_CACHE_HOME": str(ROOT / ".cache"),
                **environment,
            },
            capture_output=True, text=True, check=False, timeout=HANGS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def submit(self, *arguments: object, **environment: str) -> Job:
        """`sbatch` with these arguments."""
        log = self.folder / "job-%A-%a.log"
        number = self.run("sbatch", "--parsable", f"--output={log}", *arguments, **environment)
        return Job(self, number.strip())


class Job:
    """A job, or an array of them."""

    def __init__(self, cluster: Cluster, number: str) -> None:
        self.cluster, self.number = cluster, number

    def states(self) -> list[str]:
        shown = self.cluster.run("scontrol", "show", "job", self.number)
        return re.findall(r"JobState=(\S+)", shown)

    def log(self) -> str:
        """What the job, or the tasks of the array, have said."""
        return "".join(
            path.read_text()
            for path in sorted(self.cluster.folder.glob(f"job-{self.number}-*.log"))
        )

    def wait(self) -> list[str]:
        """The states in which the job, or the tasks of the array, have ended."""
        self.until(lambda: not set(self.states()) & set(RUNNING_STATES))
        return self.states()

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, (self.states(), self.log())
            time.sleep(0.2)
            ended = not set(self.states()) & set(RUNNING_STATES)
            assert not ended or condition(), (self.states(), self.log())


@contextmanager
def two_nodes(folder: Path, pythonpath: str) -> Iterator[Cluster]:
    """A cluster whose state is in `folder`; all its processes end with the block."""
    private = ["unshare", "-n", "-u", "-m", "-p", "-f", "--kill-child", "--mount-proc"]
    with open(folder / "cluster.log", "w") as log:
        outside = subprocess.Popen(
            [*private, "bash", SCRIPT, folder],
            stdout=subprocess.PIPE, stderr=log, text=True,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )  # fmt: skip
        try:
            assert outside.stdout is not None
            first = outside.stdout.readline().strip()
            assert first == "ready", (folder / "cluster.log").read_text()
            children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text()
            yield Cluster(folder, int(children.split()[0]), pythonpath)
        finally:
            outside.kill()
            outside.wait()
