"""Memory: how much this process has held, and how much it may."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

# Where control groups, version 2 and 1, limit the memory of the container this process is in.
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def peak_rss_mb() -> float:
    """Most memory this process has held at once, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def memory_limit() -> int:
    """Bytes of the machine's memory, or what the container allows where that is less."""
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in LIMITS:
        try:
            limit = min(limit, int(path.read_text()))
        except (OSError, ValueError):  # there is none, or "max"
            continue
    return limit
