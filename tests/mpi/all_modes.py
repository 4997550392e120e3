"""An MPI program of the tests: both exact modes, 1 and 2 threads, with a holdout and with 5 folds.

Arguments: DATA LIMIT FEW, images of many pixels for the dual side. Rank 0 prints, as its last line,
JSON of what each run found.
"""

import json
import sys

from mpi_hybrid.checkpoint import Checkpoint
from mpi_hybrid.data import DataEngine
from mpi_hybrid.model import ModelEngine
from mpi_hybrid.stop import StopRequest
from mpi_hybrid.world import World
from ridge_spark.data.dataset import open_split
from ridge_spark.engines.view import View
from ridge_spark.progress import Progress
from ridge_spark.ridge.folds import Folds
from ridge_spark.runs.training import train
from tests.engines.mapped import candidates, dual_findings, halved, listed, square
from tests.mpi.findings import findings, options_of


def main(data: str, limit: int, few: str) -> None:
    world, stop, progress = World(), StopRequest(), Progress(quiet=True)
    split, test = open_split(data, "train").limited(limit), open_split(data, "test")
    found = {}
    for kind in (ModelEngine, DataEngine):
        for threads in (1, 2):
            for folds in (None, 5):
                options = options_of(folds)
                checkpoint = Checkpoint("never", "", 1e9, world.rank)
                engine = kind(world, split, test, threads, checkpoint, stop, progress)
                training = train(engine, options)
                everywhere = world.comm.allgather(findings(training))
                assert all(here == everywhere[0] for here in everywhere)
                found[f"{engine.name}, {threads} threads, folds {folds}"] = everywhere[0]
        engine.groups, engine.view = [], View(66, 2, halved)
        groups = world.comm.allgather([each.sha256() for each in engine.statistics(Folds.k(3))])
        scored = listed(engine.score(Folds.k(3), candidates(66)))
        squares = engine.map("squares", square, range(7))
        assert all(here == groups[0] for here in groups)
        found[f"{engine.name}, primitives"] = [groups[0], scored, squares]
        checkpoint = Checkpoint("never", "", 1e9, world.rank)
        engine = kind(world, open_split(few, "train"), None, 1, checkpoint, stop, progress)
        dual = world.comm.allgather(dual_findings(engine))
        assert all(here == dual[0] for here in dual)
        found[f"{engine.name}, dual"] = dual[0]
    if world.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
