"""`ridge-spark predict`: classify image files, folders of them, or a data set."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ridge_spark.commands.model_option import add_model_option, load_model
from ridge_spark.errors import InputError
from ridge_spark.printable import json_line, printable

if TYPE_CHECKING:
    from ridge_spark.model import Model
    from ridge_spark.predicting.predict import Prediction

HELP = "Classify image files, folders of them, or a data set."
COLUMNS = (
    "Prints a line for each image, three fields with a tab between them: its file (or data set and "
    "row), its class, and the margin, by which the score of that class is above the next best. "
    "--csv has a line with the names of its columns first. What would steer a terminal is "
    "written in names as an escape, such as \\n; --json has them exactly."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = COLUMNS
    add_model_option(parser)
    parser.add_argument(
        "images", nargs="+", metavar="IMAGES",
        help="image files, folders, or data sets (or a split of one); - for the files that "
        "standard input names, one a line",
    )  # fmt: skip
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--csv", action="store_true", help="print CSV with a score for each class")
    shown.add_argument("--json", action="store_true", help="print a JSON object for each image")
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave damaged images out; else the first one stops"
    )
    parser.add_argument(
        "--engine", choices=("local", "spark"), default="local", help="who does the work"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="Spark: folder for the predictions as Parquet; or s3://"
    )
    parser.add_argument("--partitions", type=int, metavar="N", help="Spark: tasks (default: cores)")


def run(options: argparse.Namespace) -> None:
    if options.engine == "spark":
        _run_on_spark(options)
        return
    if options.out:
        raise InputError("--out: is for --engine spark; here redirect what --csv or --json prints")
    from ridge_spark.predicting.predict import predict_paths

    model = load_model(options.model)
    skipped = 0

    def skip(reason: str) -> None:
        nonlocal skipped
        skipped += 1
        print(f"skipped: {printable(reason)}", file=sys.stderr)

    found = predict_paths(model, options.images, skip if options.skip_bad else None)
    show = _csv if options.csv else _json if options.json else _lines
    show(model, found)
    if skipped:
        print(f"{skipped:,} images skipped", file=sys.stderr)


def _run_on_spark(options: argparse.Namespace) -> None:
    if options.csv or options.json or not options.out or len(options.images) != 1:
        raise InputError(
            "--engine spark: classifies one data set into Parquet files; give it as IMAGES, and "
            "--out DIR, without --csv or --json"
        )
    from ridge_spark.predicting.spark_predict import predict_on_spark
    from ridge_spark.progress import Progress

    n = predict_on_spark(
        load_model(options.model), options.images[0], options.out, options.partitions, Progress()
    )
    print(f"{printable(options.out)}: {n:,} images classified")


def _lines(model: Model, found: Iterable[Prediction]) -> None:
    for prediction in found:
        name = printable(model.class_names[prediction.predicted])
        print(f"{printable(prediction.name)}\t{name}\t{prediction.margin:.3f}")


def _csv(model: Model, found: Iterable[Prediction]) -> None:
    names = [printable(name) for name in model.class_names]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "class", "margin", *(f"score {name}" for name in names)])
    for prediction in found:
        name = names[prediction.predicted]
        writer.writerow(
            [printable(prediction.name), name, prediction.margin, *prediction.scores.tolist()]
        )


def _json(model: Model, found: Iterable[Prediction]) -> None:
    for prediction in found:
        about = {
            "file": prediction.name,
            "class": model.class_names[prediction.predicted],
            "margin": prediction.margin,
            "scores": dict(zip(model.class_names, prediction.scores.tolist(), strict=True)),
        }
        # A name that isn't UTF-8 can only be told in JSON by escapes, as Python reads them back.
        print(json_line(about, ensure_ascii=not _is_utf8(prediction.name)))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
