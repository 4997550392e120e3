"""How many cores and how much memory this process may use, by affinity and control group.

A container that is given 2 of 64 CPUs by quota still sees 64 of them, and all memory. What it
may use stands in its control group, of version 1 or 2, and in those above.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ridge_spark.errors import InputError

PROCESS = Path("/proc/self")  # where Linux tells a process of its control groups


@dataclass(frozen=True)
class Quota:
    """CPU time a second, in cores, of all processes of one control group together."""

    cores: float
    group: tuple[int, int]  # device and inode of its folder, which tell groups of a machine apart


def available_cores(process: Path = PROCESS) -> int:
    """Cores this process can keep busy, 1 or more.

    PYTHON_CPU_COUNT where it is set; else those it may run on, or its CPU quota, rounded up, where
    that is less. `process` is a folder with the files `cgroup` and `mountinfo` of a process.
    """
    given = os.environ.get("PYTHON_CPU_COUNT", "default")
    if given != "default":
        if not given.isascii() or not given.isdigit() or int(given) < 1:
            raise InputError(f"PYTHON_CPU_COUNT={given}: must be a number of cores, 1 or more")
        return int(given)
    cores = len(core_numbers())
    quota = cpu_quota(process)
    return cores if quota is None else max(1, min(cores, math.ceil(quota.cores)))


def limit_libraries() -> None:
    """Have OpenBLAS, Arrow and Numba start no more threads than there are cores.

    They know of affinity alone, and ask as they are loaded: call this before that. What is set
    already is left alone.
    """
    cores = available_cores()
    if cores < len(core_numbers()):
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def core_numbers() -> frozenset[int]:
    """Numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def cpu_quota(process: Path = PROCESS) -> Quota | None:
    """The tightest CPU quota above this process, or None where there is none."""
    quotas = []
    for group, version in _groups("cpu", process):
        with suppress(OSError, ValueError, ZeroDivisionError):  # "max", or -1: no quota
            if version == 2:
                quota, period = map(int, (group / "cpu.max").read_text().split())
            else:
                quota, period = (
                    int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period")
                )
            if quota > 0:
                about = group.stat()
                quotas.append(Quota(quota / period, (about.st_dev, about.st_ino)))
    return min(quotas, key=lambda quota: quota.cores, default=None)


def available_memory(process: Path = PROCESS) -> int:
    """Bytes of memory this process and its like may hold: of the machine, or the cgroup limit."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for group, version in _groups("memory", process):
        name = "memory.max" if version == 2 else "memory.limit_in_bytes"
        with suppress(OSError, ValueError):  # "max": no limit
            limits.append(int((group / name).read_text()))
    return min(limits)


def _groups(controller: str, process: Path) -> Iterator[tuple[Path, int]]:
    """Folders of the process's control groups that `controller` may limit, innermost first.

    Each with its version, 1 or 2: a machine can have both, and a controller is in one of them.
    """
    try:
        memberships = (process / "cgroup").read_text().splitlines()
        mounts = (process / "mountinfo").read_text().splitlines()
    except OSError:
        return  # not Linux
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        version = 1 if controllers else 2
        if version == 1 and controller not in controllers.split(","):
            continue
        for mount in mounts:
            place, _, about = mount.partition(" - ")
            kind, _, options = about.split(" ", 2)
            if kind != ("cgroup", "cgroup2")[version - 1]:
                continue
            if version == 1 and controller not in options.rpartition(" ")[2].split(","):
                continue
            root, folder = (_unescaped(field) for field in place.split(" ")[3:5])
            for group in _upwards(Path(folder), root, path):
                yield group, version


def _upwards(folder: Path, root: str, path: str) -> list[Path]:
    """From the group `path` up to the mount's own, where `root` of the tree is seen at `folder`.

    A container without a namespace of its own has a path from the host's root and sees only its own
    group; one whose path leads elsewhere ("/../..") sees the mount's.
    """
    inside = Path(path)
    if root != "/":
        inside = Path("/") / (inside.relative_to(root) if inside.is_relative_to(root) else "")
    if ".." in inside.parts:
        inside = Path("/")
    return [folder.joinpath(*group.parts[1:]) for group in (inside, *inside.parents)]


def _unescaped(field: str) -> str:
    """A path as mountinfo has it: spaces and the like are octal numbers after a backslash."""
    for character in " \t\n\\":
        field = field.replace(f"\\{ord(character):03o}", character)
    return field
