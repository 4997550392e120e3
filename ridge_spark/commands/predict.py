"""`ridge-spark predict`: classify image files."""

from __future__ import annotations

import argparse
from pathlib import Path

from ridge_spark.commands.model_option import add_model_option, load_model

HELP = "Classify image files."


def add_options(parser: argparse.ArgumentParser) -> None:
    add_model_option(parser)
    parser.add_argument("images", nargs="+", metavar="IMAGE", type=Path, help="image files")


def run(options: argparse.Namespace) -> None:
    from ridge_spark.data.image_files import read_image

    model = load_model(options.model)
    for path in options.images:
        scores = model.decision_function(read_image(path, model.shape)[None])[0]
        first, second = scores.argsort()[::-1][:2]
        name = model.class_names[first]
        print(f"{path}\t{name}\tmargin {scores[first] - scores[second]:.3f}")
