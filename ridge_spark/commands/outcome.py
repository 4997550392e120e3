"""What every command that makes a run does with it, as its options say: draw, log, print."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ridge_spark.runs.finish import Draw
    from ridge_spark.runs.result import Result


def add_outcome_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print result.json, not a table")
    parser.add_argument(
        "--no-report", action="store_true",
        help="draw no report.html, which `ridge-spark report RUN` can do later",
    )  # fmt: skip
    parser.add_argument(
        "--mlflow", action="store_true",
        help="log parameters, metrics and files of the run to MLflow, where MLFLOW_TRACKING_URI "
        "and MLFLOW_EXPERIMENT_NAME say",
    )  # fmt: skip


def prepare_outcome(options: argparse.Namespace) -> Draw | None:
    """What draws the page, if one is wanted; `InputError` where a run could not be logged."""
    if options.mlflow:
        from ridge_spark.runs.tracking import require_mlflow

        require_mlflow()
    if options.no_report:
        return None
    from ridge_spark.report import draw

    return draw


def tell_outcome(options: argparse.Namespace, result: Result) -> None:
    """Log and print a run that has been written; no failure to log it is one of the run."""
    from ridge_spark.data.storage import one_line
    from ridge_spark.runs.summary import table

    if options.mlflow:
        from ridge_spark.runs.tracking import log_run

        try:
            log_run(options.out, result)
        except Exception as error:  # whatever a store of anybody's raises
            print(
                f"warning: the run is written, but not in MLflow ({one_line(error)})",
                file=sys.stderr,
            )
    shown = json.dumps(result.to_json()) if options.json else table(result, options.out)
    print(shown, flush=True)
