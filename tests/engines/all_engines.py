"""A Spark job of the tests: both Spark engines and several partitionings in one context.

Arguments: DATA, then partition numbers. Prints, as its last line, JSON of what each run found and
where the code came from on the driver and on a worker.
"""

import json
import sys

import ridge_spark
from ridge_spark.data.dataset import open_split
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.progress import Progress
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import train


def where_the_code_is(_: int) -> str:
    import ridge_spark

    return str(ridge_spark.__file__)


def main(data: str, partitions: list[int]) -> None:
    found = {}
    with spark_context("test") as sc:
        for folds in (None, 5):
            options = TrainOptions(
                data, "", parse_lambdas("1e-3,1,600,1e4"), make_folds(None, folds, 0)
            )
            for engine in (OuterEngine, InnerEngine):
                for parts in partitions if folds is None else partitions[-1:]:
                    progress = Progress(quiet=True)
                    splits = open_split(data, "train"), open_split(data, "test")
                    training = train(engine(sc, *splits, parts, progress), options)
                    found[f"{engine.name}, {parts} partitions, folds {folds}"] = [
                        training.statistics.sha256(),
                        training.model.sha256(),
                        training.model.lam,
                        training.confusion.tolist(),
                        training.validation_accuracy.tolist(),
                        training.gcv.tolist(),
                    ]
        worker = sc.parallelize([0], 1).map(where_the_code_is).first()
        spark = {"version": sc.version, "master": sc.master}
    print(
        json.dumps(
            {"found": found, "driver": ridge_spark.__file__, "worker": worker, "spark": spark}
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], [int(part) for part in sys.argv[2:]])
