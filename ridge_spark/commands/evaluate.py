"""`ridge-spark evaluate`: test a classifier on labelled images."""

from __future__ import annotations

import argparse
import json
import sys

from ridge_spark.commands.model_option import add_model_option, load_model
from ridge_spark.errors import InputError
from ridge_spark.printable import printable, without_secrets

HELP = "Test a classifier on labelled images."


def add_options(parser: argparse.ArgumentParser) -> None:
    add_model_option(parser)
    parser.add_argument(
        "--data", required=True, metavar="DIR",
        help="data set, of which the test images are used, or one split of it",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON, not tables")


def run(options: argparse.Namespace) -> None:
    from ridge_spark.cores import available_cores
    from ridge_spark.data.dataset import read_split, require_splits
    from ridge_spark.data.same_images import require_same_images
    from ridge_spark.ridge.calibration import Reliability
    from ridge_spark.ridge.metrics import Metrics
    from ridge_spark.ridge.selection import judge_on
    from ridge_spark.runs.guidance import distance_warnings
    from ridge_spark.runs.summary import class_table, confusion_table

    model = load_model(options.model)
    split = require_splits(options.data, f"--data {options.data}")[-1]
    require_same_images(f"--data {options.data}", split.description, model)
    if split.description.class_names != model.class_names:
        raise InputError(
            f"--data {options.data}: its classes are not those of the model; import the images "
            f"again with --like {options.model}"
        )
    threads = available_cores()
    blocks = model.seen(read_split(split), threads=threads)
    tested = judge_on(blocks, model.coef, model.intercept, model.temperature, threads=threads)
    for warning in distance_warnings(model, tested.sums, tested.n):
        print(f"warning: {printable(warning)}", file=sys.stderr)
    metrics = Metrics.of(tested.confusion)
    error = None if model.temperature is None else Reliability(tested.reliability).expected_error
    if options.json:
        about = metrics.to_dict(model.class_names)
        print(json.dumps({**about, "calibration_error": error, "data": without_secrets(split.uri)}))
        return
    low, high = metrics.interval
    print(f"{printable(split.uri)}: {metrics.n:,} images")
    print(f"accuracy {metrics.accuracy:.4f}, 95% confidence interval {low:.4f} to {high:.4f}")
    print(f"balanced accuracy {metrics.balanced_accuracy:.4f}, the mean of the classes' recall")
    if error is not None:
        print(f"expected calibration error {error:.4f}")
    print()
    print(class_table(metrics, model.class_names))
    print()
    print(confusion_table(tested.confusion, list(model.class_names)))
