"""`ridge-spark train`: choose λ on held-out images and fit a classifier."""

from __future__ import annotations

import argparse

from ridge_spark.commands.config_file import add_config_option
from ridge_spark.commands.outcome import add_outcome_options, prepare_outcome, tell_outcome
from ridge_spark.errors import InputError
from ridge_spark.runs.options import (
    CHOICES,
    DEFAULT_FEATURES,
    DEFAULT_LAMBDAS,
    DEFAULT_LAMBDAS_OF_FEATURES,
    DEFAULT_VALIDATION,
    METRICS,
    SIDES,
    SOLVERS,
    TrainOptions,
    make_folds,
    parse_class_weight,
    parse_lambdas,
)

HELP = "Choose λ on held-out images and fit a classifier."
ENGINES = ("local", "outer", "inner")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine", choices=ENGINES, default="local",
        help="who does the work: this process (local), or Spark, with all images on every worker "
        "(outer) or each task reading its own (inner)",
    )  # fmt: skip
    add_training_options(parser)
    parser.add_argument(
        "--threads", type=int, metavar="N", help="local engine: threads (default: all cores)"
    )
    parser.add_argument(
        "--partitions", type=int, metavar="N", help="Spark: tasks in a pass (default: by cores)"
    )


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """The options every engine takes."""
    parser.add_argument("--data", required=True, metavar="DIR", help="data set; local or s3://")
    parser.add_argument("--out", metavar="DIR", help="new run directory, or s3://")
    parser.add_argument(
        "--plan", action="store_true",
        help="print the side, the solver, the memory of each process and the time; run nothing",
    )  # fmt: skip
    parser.add_argument(
        "--features", default=DEFAULT_FEATURES, metavar="SPEC[,SPEC...]",
        help="what the model sees of an image, the best of several chosen on held-out images: "
        "pixels (default), patches, wide, units, or with parameters patches:filters=256,units=8192",
    )  # fmt: skip
    parser.add_argument(
        "--lambdas", metavar="GRID",
        help="values of λ to try: logspace:FIRST:LAST:NUMBER (exponents of 10) or 0.1,1,10 "
        f"(default: {DEFAULT_LAMBDAS}, and {DEFAULT_LAMBDAS_OF_FEATURES} for features)",
    )  # fmt: skip
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument(
        "--validation", type=float, metavar="FRACTION",
        help="fraction of the training images held out while λ is chosen "
        f"(default: {DEFAULT_VALIDATION})",
    )  # fmt: skip
    held_out.add_argument(
        "--folds", type=int, metavar="K", help="K-fold cross-validation instead of a holdout"
    )
    parser.add_argument(
        "--class-weight", metavar="balanced|NAME=W,...",
        help="count the images of a class W times, a whole number, those of others once; balanced: "
        "as often as brings each class nearest to the largest",
    )  # fmt: skip
    parser.add_argument(
        "--metric", choices=METRICS, default=METRICS[0],
        help="what λ and features are chosen by on held-out images: the fraction that is right, or "
        "balanced, the mean of that fraction over the classes",
    )  # fmt: skip
    parser.add_argument(
        "--choose", choices=CHOICES, default=CHOICES[0],
        help="of λ the best by --metric, or the largest that is no more than one standard error of "
        "the difference worse",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="which images are held out")
    parser.add_argument(
        "--side", choices=SIDES, default="auto",
        help="solve X'X, one unknown for each pixel (primal), XX', one for each image (dual), or "
        "neither, by products with the images pass after pass (operator); auto: what costs least "
        "and fits. Only a primal run can be updated without its images",
    )  # fmt: skip
    parser.add_argument(
        "--solver", choices=SOLVERS, default="auto",
        help="one reduction to tridiagonal form for all λ, a Cholesky factorisation for each, an "
        "eigendecomposition, or an iteration (krylov); auto: what is sooner",
    )  # fmt: skip
    parser.add_argument(
        "--keep-statistics", action="store_true",
        help="keep X'X in the run, for updates, also where it takes more than 1 GB",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N training images")
    add_outcome_options(parser)
    add_config_option(parser)


def training_options(options: argparse.Namespace) -> TrainOptions:
    """Check the values of the options; `InputError` names the first that is no good."""
    if options.out is None and not options.plan:
        options.parser.error("the following arguments are required: --out")
    for name in ("limit", "threads", "partitions"):
        value = getattr(options, name, None)
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: must be 1 or more")
    from ridge_spark.features.spec import parse_specs

    return TrainOptions(
        data=options.data,
        out=options.out or "",
        lambdas=None if options.lambdas is None else parse_lambdas(options.lambdas),
        features=parse_specs(options.features),
        folds=make_folds(options.validation, options.folds, options.seed),
        side=options.side,
        solver=options.solver,
        limit=options.limit,
        keep_statistics=options.keep_statistics,
        threads=getattr(options, "threads", None),
        partitions=getattr(options, "partitions", None),
        command=getattr(options, "command_line", ""),
        class_weight=options.class_weight and parse_class_weight(options.class_weight),
        metric=options.metric,
        choose=options.choose,
    )


def run(options: argparse.Namespace) -> None:
    chosen = training_options(options)
    if options.plan:
        from ridge_spark.runs.run import plans_of

        print("\n".join(plan.table() for plan in plans_of(options.engine, chosen)))
        return
    draw = prepare_outcome(options)
    from ridge_spark.runs.run import run as run_training

    tell_outcome(options, run_training(options.engine, chosen, draw))
