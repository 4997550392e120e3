"""How much memory this process has held."""

from __future__ import annotations

import resource
import sys


def peak_rss_mb() -> float:
    """Most memory this process has held at once, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
