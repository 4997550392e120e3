"""`ridge-spark evaluate`: test a classifier on labelled images."""

from __future__ import annotations

import argparse
import json

from ridge_spark.commands.model_option import add_model_option, load_model
from ridge_spark.errors import InputError

HELP = "Test a classifier on labelled images."


def add_options(parser: argparse.ArgumentParser) -> None:
    add_model_option(parser)
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="split of a data set, such as data/mnist/test"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, not tables")


def run(options: argparse.Namespace) -> None:
    from ridge_spark.data.dataset import open_split, read_blocks
    from ridge_spark.engines.options import available_cores
    from ridge_spark.engines.summary import confusion_table
    from ridge_spark.ridge.selection import confusion_of

    model = load_model(options.model)
    split = open_split(options.data)
    about = split.description
    if (about.shape, about.class_names) != (model.shape, model.class_names):
        raise InputError(
            f"--data {options.data}: its image shape or classes are not those of the model"
        )
    confusion = confusion_of(
        read_blocks(split.blocks), model.coef, model.intercept, threads=available_cores()
    )
    n = int(confusion.sum())
    accuracy = int(confusion.trace()) / n
    if options.json:
        print(json.dumps({"n": n, "accuracy": accuracy, "confusion": confusion.tolist()}))
        return
    print(f"accuracy {accuracy:.4f} on {n:,} images\n")
    print(confusion_table(confusion, list(model.class_names)))
