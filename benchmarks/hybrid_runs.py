"""From the result.json of MPI runs to speed-up, scaled speed-up, efficiency and the time split."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from measure import median_ratio

Results = list[dict[str, Any]]


def load(folder: Path) -> Results:
    """Every run below `folder`; its parent folder says what it was for: fixed, scaled or model."""
    found = []
    for path in sorted(folder.glob("*/*/result.json")):
        found.append({**json.loads(path.read_text()), "purpose": path.parent.parent.name})
    return found


def seconds(run: dict[str, Any]) -> float:
    """From when the ranks have found one another to the chosen model, its report not yet drawn."""
    return run["seconds"]["total"] - run["seconds"].get("report", 0.0)


def parallel_part(run: dict[str, Any]) -> float:
    """Seconds of work on a rank, on average; the rest of a run is overhead."""
    return statistics.mean(run["mpi"]["busy_seconds"])


def cells(runs: Results) -> Results:
    """One entry for each mode, ranks and threads, from the medians over repeats.

    With T(w, n) the seconds of w = ranks · threads workers for n images, and N all images,

        speed-up         T(1, N) / T(w, N)
        efficiency       speed-up / w
        scaled speed-up  w T(1, n) / T(w, w n)      the problem grows with the workers

    where n is what one worker has of the N images when all that were tried are at work. Of the
    repeats, the first is compared with the first, and so on.
    """
    groups: dict[tuple[str, str, int, int], Results] = defaultdict(list)
    for run in runs:
        mode = run["engine"].removeprefix("mpi-")
        groups[run["purpose"], mode, run["workers"], run["threads"]].append(run)

    def times(purpose: str, mode: str, ranks: int, threads: int) -> list[float]:
        return [seconds(run) for run in groups.get((purpose, mode, ranks, threads), [])]

    found = []
    for purpose, mode, ranks, threads in list(groups):
        if purpose != "fixed" or ("fixed", mode, 1, 1) not in groups:
            continue
        fixed, alone = groups["fixed", mode, ranks, threads], times("fixed", mode, 1, 1)
        time = statistics.median(times("fixed", mode, ranks, threads))
        parallel = statistics.median(map(parallel_part, fixed))
        speed_up = median_ratio(times("fixed", mode, ranks, threads), alone)
        scaled, one = times("scaled", mode, ranks, threads), times("scaled", mode, 1, 1)
        cell = {
            "mode": mode,
            "ranks": ranks,
            "threads": threads,
            "images": fixed[0]["n_train"],
            "seconds": time,
            "parallel_seconds": parallel,
            "overhead_seconds": time - parallel,
            "speed_up": speed_up,
            "efficiency": speed_up / (ranks * threads),
            "scaled_speed_up": ranks * threads * median_ratio(scaled, one) if one else math.nan,
        }
        if all("command_seconds" in run for run in fixed):
            cell["command_seconds"] = statistics.median(run["command_seconds"] for run in fixed)
        found.append(cell)
    return sorted(found, key=lambda cell: (cell["mode"], cell["ranks"], cell["threads"]))


def serial_fraction(threads: list[int], times: list[float]) -> float:
    """Fit f in T(t) = T(1) (f + (1 - f) / t), Amdahl's law, by least squares over t > 1.

    With x = 1 - 1/t and y = T(t)/T(1) - 1/t it reads y = f x.
    """
    first = times[threads.index(1)]
    pairs = [
        (1 - 1 / t, time / first - 1 / t) for t, time in zip(threads, times, strict=True) if t > 1
    ]
    if not pairs:
        return float("nan")
    return sum(x * y for x, y in pairs) / sum(x * x for x, _ in pairs)
