"""Memory of a process among others that share pages with it."""

from __future__ import annotations

import re
from pathlib import Path

from ridge_spark.engines.local import peak_rss_mb


def proportional_mb() -> float:
    """MiB this process holds now, a page that n processes share counted as 1/n.

    The sum over the processes of a node is what they need together. Where the system does not
    tell (it takes Linux), the most this process has held, shared pages in full.
    """
    try:
        rollup = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return peak_rss_mb()
    kib = re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)
    return int(kib.group(1)) / 1024 if kib else peak_rss_mb()
