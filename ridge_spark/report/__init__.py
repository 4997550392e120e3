"""The page that shows people what a run did, and the figures on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ridge_spark.runs.directory import Run


def draw(run: Run) -> str:
    """The text of report.html for a run that has just ended."""
    # Imported here: where there is no jinja2, as on a cluster, a run still comes to its end.
    from ridge_spark.report.page import render

    return render([run], [""])
