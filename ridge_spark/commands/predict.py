"""`ridge-spark predict`: classify image files, folders of them, or a data set."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from ridge_spark.commands.model_option import add_model_option, load_model
from ridge_spark.errors import InputError
from ridge_spark.printable import json_line, printable

if TYPE_CHECKING:
    from ridge_spark.model import Model
    from ridge_spark.predicting.predict import Prediction, Watched

HELP = "Classify image files, folders of them, or a data set."
COLUMNS = (
    "Prints a line for each image, three fields with a tab between them: its file (or data set and "
    "row), its class, and the margin, by which the score of that class is above the next best, or "
    "with --proba its probability. --csv has a line with the names of its columns first. What "
    "would steer a terminal is shown as an escape, such as \\n; --json has names exactly."
)

COLUMNS_OF_ALL = (
    "file", "row", "label", "class", "score", "margin", "probability", "runner_up",
)  # fmt: skip


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
        "--proba", action="store_true",
        help="print the probability of the class, not the margin; with --csv of every class",
    )  # fmt: skip
    parser.add_argument(
        "--top-k", type=int, metavar="K",
        help="print the K likeliest classes of each image, a probability after each",
    )  # fmt: skip
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
    from ridge_spark.predicting.predict import Watched, predict_paths

    model = load_model(options.model)
    k = len(model.class_names)
    if options.top_k is not None and not 1 <= options.top_k <= k:
        raise InputError(f"--top-k {options.top_k}: must be from 1 to {k}, the model's classes")
    if (options.proba or options.top_k) and model.temperature is None:
        raise InputError(
            f"--model {options.model}: has no temperature, from which probabilities come; it was "
            "trained before there were any: train again"
        )
    skipped = 0

    def skip(reason: str) -> None:
        nonlocal skipped
        skipped += 1
        print(f"skipped: {printable(reason)}", file=sys.stderr)

    watched = Watched()
    found = predict_paths(model, options.images, skip if options.skip_bad else None, watched)
    show = _csv if options.csv else _json if options.json else _lines
    show(model, found, options.proba, options.top_k or 0)
    _warn(model, watched)
    if skipped:
        print(f"{skipped:,} images skipped", file=sys.stderr)


def _run_on_spark(options: argparse.Namespace) -> None:
    shown = options.csv or options.json or options.proba or options.top_k
    if shown or not options.out or len(options.images) != 1:
        raise InputError(
            "--engine spark: classifies one data set into Parquet files; give it as IMAGES, and "
            "--out DIR, without --csv, --json, --proba or --top-k: the files have all of it"
        )
    from ridge_spark.predicting.spark_predict import predict_on_spark
    from ridge_spark.progress import Progress

    model = load_model(options.model)
    watched = predict_on_spark(
        model, options.images[0], options.out, options.partitions, Progress()
    )
    _warn(model, watched)
    print(f"{printable(options.out)}: {watched.n:,} images classified")


def _warn(model: Model, watched: Watched) -> None:
    """Tell where the images are unlike those that the model was trained on."""
    from ridge_spark.runs.guidance import distance_warnings

    for warning in distance_warnings(model, watched.sums, watched.n):
        print(f"warning: {printable(warning)}", file=sys.stderr)


def _lines(model: Model, found: Iterable[Prediction], proba: bool, top_k: int) -> None:
    for each in found:
        if top_k:
            likeliest = _likeliest(model, each, top_k)
            shown = list(chain.from_iterable((name, f"{p:.4f}") for name, p in likeliest))
        elif proba and each.proba is not None:
            shown = [model.class_names[each.predicted], f"{each.proba[each.predicted]:.4f}"]
        else:
            shown = [model.class_names[each.predicted], f"{each.margin:.3f}"]
        print("\t".join(map(printable, [each.name, *shown])))


def _likeliest(model: Model, each: Prediction, top_k: int) -> list[tuple[str, float]]:
    """The classes of the largest scores with their probabilities, the largest first."""
    assert each.proba is not None  # which has been asked for
    order = sorted(range(len(each.scores)), key=lambda i: -each.scores[i])[:top_k]
    return [(model.class_names[i], float(each.proba[i])) for i in order]


def _csv(model: Model, found: Iterable[Prediction], proba: bool, top_k: int) -> None:
    names = [printable(name) for name in model.class_names]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    columns = [*COLUMNS_OF_ALL, *(f"score {name}" for name in names)]
    columns += [f"probability {name}" for name in names] if proba else []
    columns += [f"{what} {i + 1}" for i in range(top_k) for what in ("class", "probability")]
    writer.writerow(columns)
    for each in found:
        row = [_shown(value) for value in _of_all(model, each).values()]
        row += each.scores.tolist()
        row += each.proba.tolist() if proba and each.proba is not None else []
        row += map(_shown, chain.from_iterable(_likeliest(model, each, top_k))) if top_k else []
        writer.writerow(row)


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


def _json(model: Model, found: Iterable[Prediction], proba: bool, top_k: int) -> None:
    names = model.class_names
    for each in found:
        about = _of_all(model, each)
        about["scores"] = dict(zip(names, each.scores.tolist(), strict=True))
        if proba and each.proba is not None:
            about["probabilities"] = dict(zip(names, each.proba.tolist(), strict=True))
        if top_k:
            about["top"] = [
                {"class": name, "probability": p} for name, p in _likeliest(model, each, top_k)
            ]
        # A name that isn't UTF-8 can only be told in JSON by escapes, as Python reads them back.
        print(json_line(about, ensure_ascii=not _is_utf8(each.name)))


def _of_all(model: Model, each: Prediction) -> dict[str, Any]:
    """The columns that CSV, JSON and Spark's Parquet have in common; None where not known."""
    names, best = model.class_names, each.predicted
    file = each.name if each.row is None else each.name.rpartition(":")[0]
    probability = None if each.proba is None else float(each.proba[best])
    values = (
        file, each.row, each.label, names[best], float(each.scores[best]), each.margin,
        probability, names[each.runner_up],
    )  # fmt: skip
    return dict(zip(COLUMNS_OF_ALL, values, strict=True))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
