"""`ridge-spark report`: draw the page of a run again, or of several runs side by side."""

from __future__ import annotations

import argparse
import os
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
    out = options.out or Path(options.runs[0]) / REPORT
    _require_replaceable(out)
    page = render(read_runs(options.runs), [_reached(run, out) for run in options.runs])
    own = Path(options.runs[0], REPORT)
    if len(options.runs) == 1 and out.absolute() == own.absolute():
        write_report(options.runs[0], page)
    else:
        try:
            write_beside(str(out.parent), out.name, page.encode())
        except InputError as error:
            raise InputError(f"--out {error}") from error
    print(printable(out))


def _reached(run: str, page: Path) -> str | None:
    """The folder of a run as a link from `page` names it; None where no link could reach it."""
    from urllib.parse import quote

    from ridge_spark.data.storage import is_remote

    if is_remote(run):
        return None
    folder = os.path.relpath(os.path.realpath(run), os.path.realpath(page.parent))
    return "" if folder == "." else f"{quote(os.fsencode(folder))}/"


def _require_replaceable(out: Path) -> None:
    """`InputError` if there is anything at `out` but a page of ours."""
    from ridge_spark.data.storage import one_line
    from ridge_spark.report.page import is_page

    try:
        if not os.path.lexists(out):
            return
        if out.is_file() and is_page(out):
            return
    except OSError as error:
        raise InputError(f"{out}: can't be read ({one_line(error)})") from error
    raise InputError(
        f"{out}: exists and is no page of this program; choose another --out or remove it first"
    )
