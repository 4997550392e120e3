"""A Spark job of the tests: statistics by tiles of the Gram matrix, as for very large images."""

import json
import sys

from ridge_spark.data.dataset import open_split
from ridge_spark.engines import spark
from ridge_spark.engines.inner import InnerEngine
from ridge_spark.engines.outer import OuterEngine
from ridge_spark.engines.spark_session import spark_context
from ridge_spark.engines.tiles import tiles_of
from ridge_spark.progress import Progress
from ridge_spark.ridge.folds import Folds


def main(data: str) -> None:
    folds, found = Folds.k(3), {}
    with spark_context("test") as sc:
        split = open_split(data, "train").limited(20_000)
        for tile_bytes in (
            spark.TILE_BYTES,
            16 * folds.groups * 300**2,
        ):  # 784 columns: 3 x 3 tiles
            spark.TILE_BYTES = tile_bytes
            for engine in (InnerEngine, OuterEngine):
                groups = engine(sc, split, None, 3, Progress(quiet=True)).statistics(folds)
                tiles = len(tiles_of(784, folds.groups, tile_bytes))
                found[f"{engine.name}, {tiles} tiles"] = [group.sha256() for group in groups]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
