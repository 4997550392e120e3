"""`ridge-spark list`: a table of finished runs."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ridge_spark.errors import InputError
from ridge_spark.printable import printable

if TYPE_CHECKING:
    from ridge_spark.runs.result import Result

HELP = "List finished runs: what they were trained on, how, and how good they are."
TITLES = ("run", "data", "images", "engine", "features", "λ", "test accuracy", "95% interval",
          "seconds")  # fmt: skip
LEFT = (0, 1, 3, 4)  # columns of text
BROKEN = 4  # where a row becomes two lines on a terminal that is too narrow for it
GAP = "  "


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", nargs="*", type=Path, default=[Path("runs")], metavar="RUN",
        help="run directories, or folders of them (default: runs)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    rows = [TITLES, *(row for path in options.runs for row in _rows(path))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    narrow = sum(widths) + len(GAP) * (len(widths) - 1) > _columns_of_terminal()
    for row in rows:
        cells = [
            cell.ljust(width) if place in LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines = [cells[:BROKEN], ["", *cells[BROKEN:]]] if narrow else [cells]
        for line in lines:
            print(GAP.join(line).rstrip())


def _columns_of_terminal() -> float:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf


def _rows(path: Path) -> Iterator[tuple[str, ...]]:
    """The row of a run, or of each run in a folder, by name; what can't be read there is told."""
    from ridge_spark.runs.directory import RESULT, read_result

    if (path / RESULT).is_file():
        yield _row(path, read_result(path / RESULT))
        return
    found = sorted(path.glob(f"*/{RESULT}"))
    if not found:
        raise InputError(f"{path}: neither a run nor a folder with runs in it")
    for each in found:
        try:
            yield _row(each.parent, read_result(each))
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)


def _row(folder: Path, result: Result) -> tuple[str, ...]:
    accuracy = interval = "-"
    if result.test_accuracy is not None:
        accuracy = f"{result.test_accuracy:.4f}"
        interval = "{:.4f} to {:.4f}".format(*result.metrics.interval)
    return (
        printable(folder),
        printable(result.dataset_name),
        f"{result.n_train:,}",
        result.engine,
        result.spec,
        f"{result.best_lambda:.5g}",
        accuracy,
        interval,
        f"{result.run_seconds:.2f}",
    )
