"""One training run on all ranks, from its options to its run directory."""

from __future__ import annotations

import argparse
import json
from itertools import chain
from typing import Any

from mpi_hybrid.average import AverageEngine
from mpi_hybrid.checkpoint import Checkpoint, identity
from mpi_hybrid.cores import Cores, default_threads, fair_share, too_few
from mpi_hybrid.data import DataEngine
from mpi_hybrid.engine import MpiEngine
from mpi_hybrid.model import ModelEngine
from mpi_hybrid.stop import StopRequest
from mpi_hybrid.summary import table
from mpi_hybrid.world import World, library, require_one_world
from ridge_spark.commands.train import training_options
from ridge_spark.errors import InputError
from ridge_spark.progress import Progress
from ridge_spark.report import draw
from ridge_spark.ridge.threads import blas_threads
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.result import describe, draw_page, require_free, write_run
from ridge_spark.runs.run import open_splits
from ridge_spark.runs.training import Training, train

ENGINES: dict[tuple[str, str], type[MpiEngine]] = {
    ("model", "exact"): ModelEngine,
    ("data", "exact"): DataEngine,
    ("data", "average"): AverageEngine,
}


def run(world: World, options: argparse.Namespace) -> None:
    """Train on every rank; rank 0 writes the run directory and prints the result."""
    progress = Progress(quiet=world.rank > 0)
    stop = StopRequest()
    chosen = training_options(options)
    require_one_world(world.size)
    if not options.checkpoint >= 0:
        raise InputError(f"--checkpoint {options.checkpoint}: must be 0 or more minutes")
    world.from_root(lambda: require_free(chosen.out))
    split, test = world.from_root(lambda: open_splits(chosen))
    threads = _threads(world, chosen.threads, progress)

    combine = getattr(options, "combine", "exact")
    scheme = "exact" if combine == "exact" else f"average over {world.size} ranks"
    run_identity = world.from_root(lambda: identity(split, chosen.folds, scheme))
    checkpoint = Checkpoint(chosen.out, run_identity, 60 * options.checkpoint, world.rank)
    kind = ENGINES[options.mode, combine]
    engine = kind(world, split, test, threads, checkpoint, stop, progress)

    with blas_threads(threads):  # BLAS would take all cores, wherever it is called
        training = train(engine, split, chosen, progress)
        progress.tasks += chain.from_iterable(world.comm.allgather(engine.tasks))
        result = {**describe(engine, training, chosen, progress), **_of_the_ranks(world, engine)}
        if isinstance(engine, AverageEngine):
            result |= _compared(engine, training, chosen)
    world.from_root(lambda: _finish(chosen, options.json, result, training, checkpoint, progress))


def _threads(world: World, wanted: int | None, progress: Progress) -> int:
    """Threads of this rank; rank 0 warns where they have too few cores."""
    mine = Cores()
    node = world.node.allgather(mine)
    share = fair_share(mine, node)
    threads = wanted or default_threads(share)
    for warning in set(world.comm.allgather(too_few(threads, share, mine, node))) - {None}:
        progress.say(f"warning: {warning}")
    progress.say(
        f"{library()}, nodes: {world.nodes}, ranks: {world.size}, threads of each: {threads}"
    )
    return threads


def _of_the_ranks(world: World, engine: MpiEngine) -> dict[str, Any]:
    """What result.json says of an MPI run on top of what every engine's does.

    busy_seconds     of work on each rank; the rest of `total` is start-up, waiting and reducing
    waited_seconds   in collective calls, on each rank
    node_mb          the memory a node held at most after pass two, which is when all there is to
                     hold is there; pages its ranks share counted once
    node_shared_mb   the most of that in shared memory
    """
    return {
        "combine": engine.combine,
        "mpi": {
            "library": library(),
            "nodes": world.nodes,
            "busy_seconds": world.comm.allgather(sum(t.end - t.start for t in engine.tasks)),
            "waited_seconds": world.comm.allgather(world.waited),
            "node_mb": round(engine.node_mb[0], 1),
            "node_shared_mb": round(engine.node_mb[1], 1),
        },
    }


def _compared(engine: AverageEngine, training: Training, options: TrainOptions) -> dict[str, Any]:
    """The exact result from the same statistics, and what averaging lost against it."""
    engine.progress.say("approximation: now the exact solution, to compare with")
    exact = train(engine.exact(), engine.train, options, engine.progress)
    tested = int(exact.confusion.sum())
    right = int(exact.confusion.trace()), int(training.confusion.trace())
    return {
        "approximation": {
            "exact_best_lambda": options.lambdas[exact.best],
            "exact_test_accuracy": right[0] / tested if tested else None,
            "test_accuracy_lost": (right[0] - right[1]) / tested if tested else None,
        }
    }


def _finish(
    options: TrainOptions,
    as_json: bool,
    result: dict[str, Any],
    training: Training,
    checkpoint: Checkpoint,
    progress: Progress,
) -> None:
    for warning in training.warnings:
        progress.say(f"warning: {warning}")
    page = draw_page(draw, result, training, progress)
    write_run(options.out, result, training, page)
    checkpoint.remove()
    print(json.dumps(result) if as_json else table(result, options.out), flush=True)
