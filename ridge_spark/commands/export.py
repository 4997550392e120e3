"""`ridge-spark export`: hand a classifier on to programs that know nothing of this one."""

from __future__ import annotations

import argparse
from pathlib import Path

from ridge_spark.commands.model_option import add_model_option, load_model
from ridge_spark.errors import InputError
from ridge_spark.printable import printable

HELP = "Hand a classifier on to other programs, as an ONNX file."


def add_options(parser: argparse.ArgumentParser) -> None:
    add_model_option(parser)
    parser.add_argument("--onnx", required=True, metavar="FILE", type=Path, help="file to write")


def run(options: argparse.Namespace) -> None:
    model = load_model(options.model)
    if options.onnx.exists():
        raise InputError(
            f"--onnx {options.onnx}: exists already; choose another or remove it first"
        )
    from ridge_spark.export.onnx_model import write_onnx

    write_onnx(model, options.onnx)
    print(printable(options.onnx))
