"""`ridge-spark report`: draw the page of a run again, or of several runs side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from ridge_spark.errors import InputError
from ridge_spark.printable import printable

HELP = "Draw report.html again, or one page for several runs side by side."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directories; or s3://")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="page to write (default: report.html in the run)"
    )


def run(options: argparse.Namespace) -> None:
    from ridge_spark.data.storage import is_remote, write_beside
    from ridge_spark.report.page import render
    from ridge_spark.runs.directory import REPORT, read_runs
    from ridge_spark.runs.verification import write_report

    if options.out is None and len(options.runs) > 1:
        raise InputError("--out: several runs need a file to be shown in, such as --out runs.html")
    if options.out is None and is_remote(options.runs[0]):
        raise InputError("--out: a run that is not on this machine needs a file, as --out run.html")
    page = render(read_runs(options.runs))
    own = Path(options.runs[0], REPORT)
    if options.out is None or (len(options.runs) == 1 and options.out.absolute() == own.absolute()):
        write_report(options.runs[0], page)
        print(printable(own))
        return
    try:
        write_beside(str(options.out.parent), options.out.name, page.encode())
    except InputError as error:
        raise InputError(f"--out {error}") from error
    print(printable(options.out))
