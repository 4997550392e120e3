"""A Spark job of the tests: both Spark engines and several partitionings in one context.

Arguments: DATA, then partition numbers. Prints, as its last line, JSON of what each run found and
where the code came from on the driver and on a worker.
"""

import json
import sys
from typing import Any

import ridge_spark
from ridge_spark.data.dataset import Split, open_split
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.features import parse_specs
from ridge_spark.progress import Progress
from ridge_spark.runs.json_form import to_json
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import Training, train

SEARCHES = {"holdout": None, "5 folds": 5, "features": None}


def options_of(search: str, folds: int | None) -> TrainOptions:
    features = "pixels,patches:filters=16,units=64" if search == "features" else "pixels"
    lambdas = parse_lambdas("1e-3,1,600,1e4")
    weighted = {"class_weight": {"5": 3, "8": 2}, "metric": "balanced", "choose": "one-se"}
    return TrainOptions(
        "", "", lambdas, make_folds(None, folds, 0), parse_specs(features),
        **weighted if folds else {},
    )  # fmt: skip


def splits_of(data: str, search: str) -> tuple[Split, Split]:
    """Training and test images: all of them, but for features, which take longer."""
    rows = 4000 if search == "features" else None
    return tuple(open_split(data, name).limited(rows) for name in ("train", "test"))


def findings(training: Training) -> list[Any]:
    """What must be the same, whoever has found it."""
    return [
        training.statistics.sha256(),
        training.model.sha256(),
        training.model.features_sha256,
        training.model.lam,
        training.tested.confusion.tolist(),
        training.tested.reliability.tolist(),
        training.model.temperature,
        training.class_weight,
        to_json(training.held_out),
        training.validation_accuracy.tolist(),
        training.gcv.tolist(),
        [(each.spec, each.features_sha256, each.validation_accuracy) for each in training.searched],
    ]


def where_the_code_is(_: int) -> str:
    import ridge_spark

    return str(ridge_spark.__file__)


def main(data: str, partitions: list[int]) -> None:
    found = {}
    with spark_context("test") as sc:
        for search, folds in SEARCHES.items():
            options = options_of(search, folds)
            for engine in (OuterEngine, InnerEngine):
                for parts in partitions if search != "5 folds" else partitions[-1:]:
                    progress = Progress(quiet=True)
                    splits = splits_of(data, search)
                    training = train(engine(sc, *splits, parts, progress), options)
                    found[f"{engine.name}, {parts} partitions, {search}"] = findings(training)
        worker = sc.parallelize([0], 1).map(where_the_code_is).first()
        spark = {"version": sc.version, "master": sc.master}
    print(
        json.dumps(
            {"found": found, "driver": ridge_spark.__file__, "worker": worker, "spark": spark}
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], [int(part) for part in sys.argv[2:]])
