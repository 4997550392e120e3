"""A job's own options, checked by its own rules before it costs any time on AWS."""

from __future__ import annotations

from emr.errors import EmrError
from ridge_spark.commands.parser import Parser
from ridge_spark.commands.train import add_options, training_options
from ridge_spark.runs.options import TrainOptions


def check(kind: str, data: str, out: str, arguments: list[str]) -> TrainOptions:
    """The options the job will see; an error if it would refuse them.

    What the data decide (a limit too small for the folds, say) is the job's to refuse.
    """
    parser = Parser(prog="ridge-spark train", add_help=False)
    add_options(parser)
    given = ["--engine", kind, "--data", data, "--out", out]
    options = parser.parse_args([*given, *arguments])
    if [options.engine, options.data, options.out] != given[1::2]:
        raise EmrError(
            "ARGS: --engine, --data and --out are not for you to give; "
            "choose the data with DATA=..., and find the result in runs/"
        )
    return training_options(options)
