"""One colour for each stage of a run, the same on every page and in every figure."""

from __future__ import annotations

from ridge_spark.report.svg import LINE, MUTED, SERIES

STAGES = {
    "spark": SERIES[4],
    "broadcast": SERIES[5],
    "load": SERIES[5],  # MPI's own way to have X whole on every node
    "features": SERIES[3],
    "statistics": SERIES[0],
    "moments": SERIES[0],
    "products": SERIES[0],  # what statistics are where images are few
    "pairs": SERIES[0],  # the tasks of it
    "weights": SERIES[7],
    "sketch": SERIES[7],
    "solve": SERIES[1],
    "factorise": SERIES[1],  # the tasks of it
    "score": SERIES[2],
    "test": SERIES[6],
    "other": LINE,
}


def stage_colour(stage: str) -> str:
    """The colour of a stage; of one that is not known here, that of muted text."""
    return STAGES.get(stage, MUTED)
