"""`ridge-spark update`: add images to a model or withdraw some, without the images it has."""

from __future__ import annotations

import argparse

from ridge_spark.commands.outcome import add_outcome_options, prepare_outcome, tell_outcome
from ridge_spark.errors import InputError

HELP = "Add images to a model or withdraw some, without going through the others again."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="RUN", help="run directory; or s3://")
    parser.add_argument("--out", required=True, metavar="DIR", help="new run directory, or s3://")
    parser.add_argument(
        "--add", action="append", default=[], metavar="DATA",
        help="data set whose training images to add (imported --like RUN); can be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--remove", action="append", default=[], metavar="DATA",
        help="data set whose training images to withdraw; can be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--by-gcv", action="store_true",
        help="choose λ again, by generalised cross-validation; else the run's λ stays",
    )  # fmt: skip
    parser.add_argument("--test", metavar="DATA", help="data set to test the new model on")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: all cores)")
    add_outcome_options(parser)


def run(options: argparse.Namespace) -> None:
    if not options.add and not options.remove:
        raise InputError("nothing to do: give --add DATA, --remove DATA or both")
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads {options.threads}: must be 1 or more")
    draw = prepare_outcome(options)
    from ridge_spark.runs.update import UpdateOptions, update

    result = update(
        UpdateOptions(
            run=options.model,
            out=options.out,
            add=tuple(options.add),
            remove=tuple(options.remove),
            test=options.test,
            by_gcv=options.by_gcv,
            threads=options.threads,
            command=getattr(options, "command_line", ""),
        ),
        draw,
    )
    tell_outcome(options, result)
