"""How a submitted job is doing, in one vocabulary for cluster steps and serverless job runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from emr.job import Job

PENDING, RUNNING, COMPLETED, FAILED, CANCELLED = (
    "PENDING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "CANCELLED",
)
ENDED = {COMPLETED, FAILED, CANCELLED}


@dataclass(frozen=True)
class RunState:
    """A step or a job run at one moment."""

    run_id: str
    name: str
    state: str
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def seconds(self) -> float:
        """Seconds it has run; 0 before it starts."""
        if self.started is None:
            return 0.0
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()


class Target(Protocol):
    """Where jobs run."""

    def submit(self, job: Job) -> str:
        """Hand the job over; returns the identifier of its run."""

    def state(self, run_id: str) -> RunState: ...

    def recent(self) -> list[RunState]:
        """The latest runs, newest first."""

    def cancel(self, run_id: str) -> None: ...

    def log_folders(self, run_id: str) -> list[str]:
        """Addresses, each ending in a slash, where the driver's stdout and stderr are put."""

    def summary(self) -> str:
        """One line about the cluster or the application."""

    def cost(self, run_id: str) -> str:
        """What the run cost, in one line."""
