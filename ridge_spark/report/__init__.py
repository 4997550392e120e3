"""The page that shows people what a run did, and the figures on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ridge_spark.runs.training import Training


def draw(result: dict[str, Any], training: Training) -> str:
    """The text of report.html for a run that has just ended."""
    # Imported here: where there is no matplotlib, as on a cluster, a run still comes to its end.
    from ridge_spark.report.page import render
    from ridge_spark.report.run import Run

    return render([Run.of(result, training)])
