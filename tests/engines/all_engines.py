"""A Spark job of the tests: both Spark engines and several partitionings in one context.

Arguments: DATA, then partition numbers. Prints, as its last line, JSON of what each run found and
where the code came from on the driver and on a worker.
"""

import io
import json
import re
import sys
import time
from typing import Any

import ridge_spark
from ridge_spark import progress
from ridge_spark.data.dataset import BlockDescriptor, Split, open_split, read_block
from ridge_spark.engines import spark_session
from ridge_spark.engines.engine import Engine
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.features import parse_specs
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import Folds
from ridge_spark.runs.json_form import to_json
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import train

SEARCHES = {"holdout": None, "5 folds": 5, "features": None}


def options_of(search: str, folds: int | None) -> TrainOptions:
    features = "pixels,patches:filters=16,units=320" if search == "features" else "pixels"
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


def findings(engine: Engine, options: TrainOptions) -> list[Any]:
    """What must be the same, whoever has found it; of features, also the sums as triangles."""
    training = train(engine, options)
    packed = engine.packed_statistics(options.folds) if len(options.features) > 1 else []
    return [
        [group.unpacked().sha256() for group in packed],
        not packed or sum(packed[1:], packed[0]).unpacked() == training.statistics,
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


class SlowEngine(InnerEngine):
    def reader(self) -> Any:
        return _slowly


def _slowly(block: BlockDescriptor) -> Block:
    time.sleep(0.05)
    return read_block(block)


def progress_within_a_task(sc: Any, data: str) -> list[int]:
    """What a stage of one task says of its images until the task ends."""
    log = io.StringIO()
    progress.LOG_EVERY_SECONDS, spark_session.POLL_SECONDS = 0.0, 0.02
    SlowEngine(sc, open_split(data, "train"), None, 1, Progress(log)).statistics(Folds.none())
    found = re.findall("statistics: ([0-9,]+) of", log.getvalue())
    return [int(images.replace(",", "")) for images in found]


def main(data: str, partitions: list[int]) -> None:
    found = {}
    with spark_context("test") as sc:
        for search, folds in SEARCHES.items():
            options = options_of(search, folds)
            for engine in (OuterEngine, InnerEngine):
                for parts in partitions if search != "5 folds" else partitions[-1:]:
                    splits = splits_of(data, search)
                    started = engine(sc, *splits, parts, Progress(quiet=True))
                    found[f"{engine.name}, {parts} partitions, {search}"] = findings(
                        started, options
                    )
        told = progress_within_a_task(sc, data)
        worker = sc.parallelize([0], 1).map(where_the_code_is).first()
        spark = {"version": sc.version, "master": sc.master}
    code = {"driver": ridge_spark.__file__, "worker": worker}
    print(json.dumps({"found": found, **code, "spark": spark, "told": told}))


if __name__ == "__main__":
    main(sys.argv[1], [int(part) for part in sys.argv[2:]])
