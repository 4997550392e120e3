"""One training run on all ranks, from its options to its run directory."""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import chain

from mpi_hybrid.average import AverageEngine
from mpi_hybrid.checkpoint import Checkpoint, identity
from mpi_hybrid.cores import Cores, cores_each, default_threads, warning_of_few_cores
from mpi_hybrid.data import DataEngine
from mpi_hybrid.engine import MpiEngine
from mpi_hybrid.model import ModelEngine
from mpi_hybrid.resources import mpi_resources
from mpi_hybrid.stop import StopRequest
from mpi_hybrid.world import World, library, require_one_world
from ridge_spark.commands.outcome import prepare_outcome, tell_outcome
from ridge_spark.commands.train import training_options
from ridge_spark.errors import InputError
from ridge_spark.features import parse_specs
from ridge_spark.progress import Progress
from ridge_spark.ridge.metrics import Metrics
from ridge_spark.ridge.threads import blas_threads
from ridge_spark.runs.directory import require_free
from ridge_spark.runs.finish import Draw, finish
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.plan import make_plans
from ridge_spark.runs.result import Approximation, Mpi, Result
from ridge_spark.runs.run import open_splits, result_of, tell
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
    draw = None
    if not options.plan:
        draw = world.from_root(lambda: prepare_outcome(options))
        world.from_root(lambda: require_free(chosen.out))
    split, test = world.from_root(lambda: open_splits(chosen))
    threads = _threads(world, chosen.threads, progress)

    combine = getattr(options, "combine", "exact")
    scheme = "exact" if combine == "exact" else f"average over {world.size} ranks"
    run_identity = world.from_root(lambda: identity(split, chosen.folds, scheme))
    checkpoint = Checkpoint(chosen.out, run_identity, 60 * options.checkpoint, world.rank)
    kind = ENGINES[options.mode, combine]
    resources = mpi_resources(world, threads, kind.whole_x)
    plans = make_plans(split, chosen, resources, kind.exact)
    if options.plan:
        if world.rank == 0:
            print("\n".join(plan.table() for plan in plans), flush=True)
        return
    tell(plans, progress)
    engine = kind(world, split, test, threads, checkpoint, stop, progress)

    with blas_threads(threads):  # BLAS would take all cores, wherever it is called
        training = train(engine, chosen, plans)
        progress.tasks += chain.from_iterable(world.comm.allgather(engine.tasks))
        result = replace(
            result_of(engine, training, chosen),
            combine=engine.combine,
            mpi=_of_the_ranks(world, engine),
            approximation=_compared(engine, training, chosen),
        )
    world.from_root(lambda: _finish(chosen, options, result, training, checkpoint, draw, progress))


def _threads(world: World, wanted: int | None, progress: Progress) -> int:
    """Threads of this rank; rank 0 warns where they have too few cores."""
    mine = Cores()
    node = world.node.allgather(mine)
    cores = cores_each(mine, node)
    threads = wanted or default_threads(cores)
    for warning in set(world.comm.allgather(warning_of_few_cores(threads, cores, mine, node))) - {
        None
    }:
        progress.say(f"warning: {warning}")
    progress.say(
        f"{library()}, nodes: {world.nodes}, ranks: {world.size}, threads of each: {threads}"
    )
    return threads


def _of_the_ranks(world: World, engine: MpiEngine) -> Mpi:
    """Collective. What a run under MPI says on top of what every engine's does."""
    return Mpi(
        library=library(),
        nodes=world.nodes,
        busy_seconds=tuple(world.comm.allgather(sum(t.end - t.start for t in engine.tasks))),
        waited_seconds=tuple(world.comm.allgather(world.waited)),
        node_mb=round(float(engine.node_mb[0]), 1),
        node_shared_mb=round(float(engine.node_mb[1]), 1),
    )


def _compared(engine: MpiEngine, training: Training, options: TrainOptions) -> Approximation | None:
    """Collective. What averaging lost against the exact result from the same statistics."""
    if not isinstance(engine, AverageEngine):
        return None
    engine.progress.say("approximation: now the exact solution, to compare with")
    (spec,) = parse_specs(
        training.model.features.spec.text if training.model.features else "pixels"
    )
    exact = train(engine.exactly(), replace(options, features=(spec,), side="primal"))
    averaged = Metrics.of(training.tested.confusion)
    if not averaged.n:
        return Approximation(exact.model.lam, None, None)
    accuracy = Metrics.of(exact.tested.confusion).accuracy
    return Approximation(exact.model.lam, accuracy, accuracy - averaged.accuracy)


def _finish(
    chosen: TrainOptions,
    options: argparse.Namespace,
    result: Result,
    training: Training,
    checkpoint: Checkpoint,
    draw: Draw | None,
    progress: Progress,
) -> None:
    result = finish(chosen.out, result, training.model, training.statistics, draw, progress)
    checkpoint.remove()
    tell_outcome(options, result)
