"""The `ridge-spark` command: its options, what it prints, and its exit status."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from ridge_spark import __version__
from ridge_spark.engines.options import (
    DEFAULT_LAMBDAS,
    DEFAULT_VALIDATION,
    SOLVERS,
    TrainOptions,
    make_folds,
    parse_lambdas,
)
from ridge_spark.errors import InputError

ENGINES = ("local", "outer", "inner")
KINDS = ("mnist", "idx", "npz")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit: 0 done, 2 a bad option or input, 130 interrupted."""
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
    except InputError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", 130)
    except MemoryError:
        _fail("out of memory; use smaller images, more --partitions or a larger machine", 1)
    sys.exit(0)


def _fail(message: str, status: int) -> NoReturn:
    print(f"ridge-spark: error: {message}", file=sys.stderr)
    sys.exit(status)


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    def _get_help_string(self, action: argparse.Action) -> str:
        shown = action.default not in (None, False, argparse.SUPPRESS)
        return (super()._get_help_string(action) or "") if shown else action.help or ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridge-spark",
        description="Train and use a ridge-regression image classifier: on this machine or on "
        "Spark, with the same result bit for bit.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, formatter_class=_Formatter)
        added.set_defaults(run=run)
        return added

    _import_options(command("import", _import, "Turn images into a data set to train on."))
    _train_options(command("train", _train, "Choose λ on held-out images and fit a classifier."))
    _predict_options(command("predict", _predict, "Classify image files."))
    _evaluate_options(command("evaluate", _evaluate, "Test a classifier on labelled images."))
    return parser


def _import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind", metavar="KIND", choices=KINDS,
        help="what to read: mnist (fetched), idx (files as MNIST's) or npz (NumPy arrays)",
    )  # fmt: skip
    parser.add_argument("source", metavar="SOURCE", nargs="?", type=Path, help="file or folder")
    parser.add_argument("--out", required=True, metavar="DIR", help="data set to write; or s3://")
    parser.add_argument(
        "--from", dest="folder", metavar="DIR", type=Path,
        help="mnist: a folder that has its four files already; nothing is fetched",
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="FILE", type=Path, help="idx: the labels, if SOURCE is a file of images"
    )


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="data set; local or s3://")
    parser.add_argument("--out", required=True, metavar="DIR", help="new run directory, or s3://")
    parser.add_argument("--engine", choices=ENGINES, default="local", help="who does the work")
    parser.add_argument(
        "--lambdas", default=DEFAULT_LAMBDAS, metavar="GRID",
        help="values of λ to try: logspace:FIRST:LAST:NUMBER (exponents of 10) or 0.1,1,10",
    )  # fmt: skip
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument(
        "--validation", type=float, metavar="FRACTION",
        help="share of the training images held out while λ is chosen "
        f"(default: {DEFAULT_VALIDATION})",
    )  # fmt: skip
    held_out.add_argument(
        "--folds", type=int, metavar="K", help="K-fold cross-validation instead of a holdout"
    )
    parser.add_argument("--seed", type=int, default=0, help="which images are held out")
    parser.add_argument("--solver", choices=SOLVERS, default="auto", help="how to solve for λ")
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N training images")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="local engine: threads (default: all cores)"
    )
    parser.add_argument(
        "--partitions", type=int, metavar="N", help="Spark: tasks in a pass (default: by cores)"
    )
    parser.add_argument("--json", action="store_true", help="print result.json, not a table")


def _predict_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="PATH", help="model file or run")
    parser.add_argument("images", nargs="+", metavar="IMAGE", type=Path, help="image files")


def _evaluate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="PATH", help="model file or run")
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="split of a data set, such as data/mnist/test"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, not tables")


def _import(options: argparse.Namespace) -> None:
    written = _import_kind(options)
    images = ", ".join(f"{number:,} {split}" for split, number in written.items())
    print(f"{options.out}: {images} images")


def _import_kind(options: argparse.Namespace) -> dict[str, int]:
    from ridge_spark.data.idx import find_pairs, read_pair
    from ridge_spark.data.labelled import import_labelled
    from ridge_spark.data.mnist import import_mnist
    from ridge_spark.data.npz import read_npz

    if options.kind == "mnist":
        return import_mnist(options.out, options.folder)
    if options.source is None:
        raise InputError(f"import {options.kind}: SOURCE is missing, the file or folder to read")
    if options.kind == "npz":
        return import_labelled(options.out, str(options.source), read_npz(options.source))
    pairs = (
        {"train": (options.source, options.labels)}
        if options.labels
        else find_pairs(options.source)
    )
    splits = {split: read_pair(*pair) for split, pair in pairs.items()}
    return import_labelled(options.out, str(options.source), splits)


def _train(options: argparse.Namespace) -> None:
    for name in ("limit", "threads", "partitions"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: must be 1 or more")
    chosen = TrainOptions(
        data=options.data,
        out=options.out,
        lambdas=parse_lambdas(options.lambdas),
        folds=make_folds(options.validation, options.folds, options.seed),
        solver=options.solver,
        limit=options.limit,
        threads=options.threads,
        partitions=options.partitions,
    )
    from ridge_spark.engines.run import run
    from ridge_spark.engines.summary import table

    result = run(options.engine, chosen)
    print(json.dumps(result) if options.json else table(result, options.out))


def _predict(options: argparse.Namespace) -> None:
    from ridge_spark.data.image_files import read_image

    model = _load_model(options.model)
    for path in options.images:
        scores = model.decision_function(read_image(path, model.shape)[None])[0]
        first, second = scores.argsort()[::-1][:2]
        name = model.class_names[first]
        print(f"{path}\t{name}\tmargin {scores[first] - scores[second]:.3f}")


def _evaluate(options: argparse.Namespace) -> None:
    from ridge_spark.data.dataset import open_split, read_blocks
    from ridge_spark.engines.options import available_cores
    from ridge_spark.engines.summary import confusion_table
    from ridge_spark.ridge.selection import confusion_of

    model = _load_model(options.model)
    split = open_split(options.data)
    if (split.description.shape, split.description.class_names) != (model.shape, model.class_names):
        raise InputError(
            f"--data {options.data}: its image shape or classes are not those of the model"
        )
    confusion = confusion_of(
        read_blocks(split.blocks), model.coef, model.intercept, threads=available_cores()
    )
    accuracy = int(confusion.trace()) / int(confusion.sum())
    if options.json:
        found = {"n": int(confusion.sum()), "accuracy": accuracy, "confusion": confusion.tolist()}
        print(json.dumps(found))
        return
    print(f"accuracy {accuracy:.4f} on {split.rows:,} images\n")
    print(confusion_table(confusion, list(model.class_names)))


def _load_model(path: str) -> Any:
    from ridge_spark.ridge.model import Model

    found = Path(path)
    if found.is_dir():
        found = found / "model.safetensors"
    if not found.is_file():
        raise InputError(f"--model {path}: no model there; give a model.safetensors or a run")
    return Model.load(found)
