"""What a run computed where: the steps of its engine, with the run's own numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ridge_spark.report.run import Run
from ridge_spark.report.text import bytes_of, plural


@dataclass(frozen=True)
class Step:
    """One box: who does it, what, with which numbers; and what then goes on to the next box."""

    by_workers: bool
    title: str
    lines: tuple[str, ...]
    passed_on: str = ""
    stage: str = ""  # of the run, for the time it took


def lanes(run: Run) -> tuple[str, str]:
    """Who the two columns of boxes are."""
    workers, threads = run.result["workers"], run.result["threads"]
    each = f", {plural(threads, 'thread')} each" if threads > 1 else ""
    if run.result["engine"] == "local":
        return "Main thread", plural(threads, "thread")
    if "mpi" in run.result["engine"]:
        return "Rank 0", plural(workers, "rank") + each
    return "Driver", plural(workers, "worker") + each


def whole_x(engine: str) -> bool:
    """True where every worker has all images (Spark outer, MPI model), not just its blocks."""
    return "outer" in engine or "model" in engine


def steps(run: Run) -> list[Step]:
    """The boxes from top to bottom."""
    result = run.result
    tasks = Counter(task["stage"] for task in result.get("tasks", []))
    n, d, k = result["n_train"], result["d"], len(result["classes"])
    L, F, chosen = len(result["lambdas"]), result.get("folds", 1), result["best_lambda"]
    blocks = result.get("blocks", 0)
    in_blocks = f" in {plural(blocks, 'block')}" if blocks else ""
    groups = max(2, F)
    found = [
        Step(
            by_workers=False,
            title="Data set",
            lines=(f"{plural(n, 'image')} of {d:,} pixels,", f"{k} classes{in_blocks}"),
            passed_on=_how_images_travel(result),
            stage="broadcast",
        ),
        Step(
            by_workers=True,
            title="Pass one: statistics",
            lines=(
                _share(
                    tasks["statistics"],
                    "a range of rows" if whole_x(result["engine"]) else "its blocks",
                ),
                f"counts, sums and X'X of {groups} groups,",
                "added up as integers, exactly",
            ),
            passed_on="statistics, added up:\nsame bits in any order",
            stage="statistics",
        ),
        Step(
            by_workers=tasks["factorise"] > 0,
            title=f"Solve for {L} λ",
            lines=_how_solved(result, F, L, tasks["factorise"]),
            passed_on=f"{F * L * k:,} columns of weights",
            stage="solve",
        ),
        Step(
            by_workers=True,
            title="Pass two: held-out images",
            lines=_how_scored(result, F, L, tasks["score"]),
            passed_on=f"{plural(F * L, 'count')} of right answers",
            stage="score",
        ),
        Step(
            by_workers=False,
            title=f"Choose λ = {chosen:.4g}",
            lines=("most right answers on", plural(result["n_validation"], "held-out image")),
            passed_on=f"{d:,} × {k} weights" if result["n_test"] else "",
        ),
    ]
    if result["n_test"]:
        found.append(
            Step(
                by_workers=True,
                title="Test",
                lines=(plural(result["n_test"], "image"), _share(tasks["test"], "its blocks")),
                stage="test",
            )
        )
    return found


def _share(tasks: int, what: str) -> str:
    return f"{plural(tasks, 'task')}, each {what}" if tasks else "block by block"


def _how_images_travel(result: dict[str, Any]) -> str:
    size = bytes_of((result["n_train"] + result["n_test"]) * result["d"])
    if whole_x(result["engine"]):
        return f"all of X once to every\nworker: {size} of bytes"
    if result["engine"] == "local":
        return "blocks, read ahead\nof their use"
    return "where the blocks are;\nimages go the short way,\nfrom storage to workers"


def _how_solved(result: dict[str, Any], F: int, L: int, tasks: int) -> tuple[str, ...]:
    systems = f"{F + 1} systems: {plural(F, 'group')} left out, and all"
    if tasks:
        return systems, f"{plural(tasks, 'Cholesky task')}, each (system, λ)"
    if result["solver"] == "eigen":
        return systems, "an eigendecomposition of each", "serves every λ"
    return systems, f"{plural((F + 1) * L, 'Cholesky factorisation')}"


def _how_scored(result: dict[str, Any], F: int, L: int, tasks: int) -> tuple[str, ...]:
    pairs = f"{plural(F, 'fold')} × {L} λ"
    if whole_x(result["engine"]):
        return (
            f"(fold, λ) pairs: {pairs},",
            f"in {plural(tasks, 'task')}" if tasks else "shared out",
        )
    return _share(tasks, "its blocks"), f"{pairs} in one product"
