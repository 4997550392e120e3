"""Where the time of a run went: stages without what is nested in them, and what workers did."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from ridge_spark.runs.result import Result


@dataclass(frozen=True)
class Worker:
    """What one worker process did in all; seconds and MiB."""

    name: str
    tasks: int
    busy: float
    peak_rss_mb: float


@dataclass(frozen=True)
class TaskTimes:
    """The tasks of a stage; seconds."""

    stage: str
    tasks: int
    shortest: float
    middle: float
    longest: float


def own_seconds(result: Result) -> dict[str, float]:
    """Seconds of each stage less those of the stages inside it; the rest of the run as `other`."""
    stages = result.run_stages
    own: dict[str, float] = {}
    for stage in stages:
        inside = [
            other
            for other in stages
            if other is not stage and stage.start <= other.start and other.end <= stage.end
        ]
        spent = stage.end - stage.start - sum(each.end - each.start for each in inside)
        own[stage.stage] = own.get(stage.stage, 0.0) + max(0.0, spent)
    own["other"] = max(0.0, result.run_seconds - sum(own.values()))
    return own


def workers(result: Result) -> list[Worker]:
    """The worker processes whose tasks were recorded, the busiest first."""
    by_worker = defaultdict(list)
    for task in result.tasks:
        by_worker[task.worker].append(task)
    found = [
        Worker(
            name,
            len(tasks),
            sum(task.end - task.start for task in tasks),
            max(task.peak_rss_mb for task in tasks),
        )
        for name, tasks in by_worker.items()
    ]
    return sorted(found, key=lambda worker: -worker.busy)


def task_times(result: Result) -> list[TaskTimes]:
    """The tasks of each stage that has any, in the order of the stages."""
    by_stage = defaultdict(list)
    for task in sorted(result.tasks, key=lambda task: task.start):
        by_stage[task.stage].append(task.end - task.start)
    return [
        TaskTimes(stage, len(times), min(times), median(times), max(times))
        for stage, times in by_stage.items()
    ]
