"""A Spark job of the tests: the primitives of both engines, tile by tile and through a view.

Arguments: DATA, FEW images of many pixels, a folder for temporary files. Prints JSON of what each
found, also on the dual side, and of what was left in that folder by a run that failed.
"""

import json
import sys
import tempfile
from pathlib import Path

from mapped import (  # shipped beside this file
    candidates,
    dual_findings,
    halved,
    listed,
    rows_and_labels,
    square,
)  # fmt: skip

from ridge_spark.data.dataset import open_split
from ridge_spark.engines import spark
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.engines.tiles import tiles_of
from ridge_spark.engines.view import View
from ridge_spark.errors import InputError
from ridge_spark.progress import Progress
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.run import run


def main(data: str, few: str, folder: str) -> None:
    tempfile.tempdir = folder
    folds, found = Folds.k(3), {}
    with spark_context("test") as sc:
        split, images = open_split(data, "train"), open_split(few, "train")
        for kind in (InnerEngine, OuterEngine):
            with kind(sc, split, None, 3, Progress(quiet=True)) as engine:
                found[f"{kind.name}, whole"] = hashes(engine.statistics(folds))
                engine.memory = 16 * folds.groups * 10**2
                assert len(tiles_of(30, folds.groups, engine.memory)) == 6
                found[f"{kind.name}, tiles"] = hashes(engine.statistics(folds))
                rows, labels = engine.sum_over_blocks("count", rows_and_labels, split)
                found[f"{kind.name}, rows"] = [rows.tolist(), labels.tolist()]
                found[f"{kind.name}, map"] = engine.map("squares", square, range(5))
                engine.view = View(10, 2, halved)
                found[f"{kind.name}, view"] = hashes(engine.statistics(folds))
                found[f"{kind.name}, score"] = listed(engine.score(folds, candidates(10)))
            if kind is OuterEngine:  # strip by strip, as what is large
                spark.COLLECTED_BYTES = 0
            with kind(sc, images, None, 3, Progress(quiet=True)) as engine:
                found[f"{kind.name}, dual"] = dual_findings(engine)
    print(json.dumps({"found": found, "left": left_by_a_run_that_failed(data, Path(folder))}))


def hashes(groups: list[Statistics]) -> list[str]:
    return [each.sha256() for each in groups]


def left_by_a_run_that_failed(data: str, folder: Path) -> list[str]:
    """All of X, if it is left to whoever holds the error: one image has one class only."""
    options = TrainOptions(data, f"{folder}/run", (1.0,), Folds.holdout(0.2), limit=1)
    try:
        run("outer", options, lambda run: "")
    except InputError as error:
        held = error
        left = [path.name for path in folder.rglob("images-*")]
        return [*left, *([] if "is empty" in str(held) else [str(held)])]
    return ["no error"]


if __name__ == "__main__":
    main(*sys.argv[1:4])
