"""One training run from its options to its run directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import Split, find_split, open_split
from ridge_spark.data.same_images import require_same_images
from ridge_spark.engines.engine import Engine
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.resources import Resources, spark_resources
from ridge_spark.errors import InputError
from ridge_spark.printable import without_secrets
from ridge_spark.progress import Progress
from ridge_spark.ridge.statistics_file import file_bytes
from ridge_spark.runs.directory import require_free
from ridge_spark.runs.finish import Draw, finish, found, ran_on, times
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.plan import Plan, make_plans
from ridge_spark.runs.result import EVERYTHING, SUMS, Result
from ridge_spark.runs.training import Training, train

MOST_STATISTICS_BYTES = 10**9  # of a statistics file that nobody has asked for


def run(engine_name: str, options: TrainOptions, draw: Draw | None) -> Result:
    """Train with the engine of that name, write the run directory, return what it says.

    `draw` makes the text of report.html, which is left out without it; a run whose page can't be
    drawn is finished all the same.
    """
    progress = Progress()
    require_free(options.out)
    split, test = open_splits(options)
    with ExitStack() as stack:
        resources, make_engine = _engine(engine_name, options, progress, stack)
        plans = make_plans(split, options, resources)
        tell(plans, progress)
        engine = stack.enter_context(make_engine(split, test))
        training = train(engine, options, plans)
        result = result_of(engine, training, options)
    return finish(options.out, result, training.model, training.statistics, draw, progress)


def result_of(engine: Engine, training: Training, options: TrainOptions) -> Result:
    """What a training run says of itself; under MPI, a collective call."""
    return Result(
        **found(
            training.model,
            training.statistics,
            training.gcv,
            training.tested,
            training.class_weight,
        ),
        **ran_on(engine),
        **times(engine.progress),
        dataset=without_secrets(options.data),
        n_validation=training.n_validation,
        lambdas=training.lambdas,
        features=training.searched,
        validation_accuracy=tuple(training.validation_accuracy.tolist()),
        side=training.side,
        residual=training.residual,
        plan=training.plan.planned(),
        statistics_kept=_kept(training, options),
        solver=training.solver,
        seed=options.folds.seed,
        folds=options.folds.held_out,
        command=without_secrets(options.command),
        warnings=training.warnings,
        held_out=training.held_out,
    )


def _kept(training: Training, options: TrainOptions) -> tuple[str, ...]:
    """What the statistics file is to hold: without being asked, nothing enormous."""
    if training.side != "primal":
        return SUMS
    size = file_bytes(len(training.model.class_names), training.statistics.d, gram=True)
    return EVERYTHING if options.keep_statistics or size <= MOST_STATISTICS_BYTES else SUMS


def open_splits(options: TrainOptions) -> tuple[Split, Split | None]:
    """The images to train on, and those to test on where there are any."""
    split = open_split(options.data, "train").limited(options.limit)
    test = find_split(options.data, "test")
    if test is None:
        return split, None
    about, expected = test.description, split.description
    name, remedy = f"{options.data}/test", "import both in one go"
    require_same_images(name, about, expected, "the training split", remedy)
    if about.class_names != expected.class_names:
        raise InputError(f"{name}: its classes are not those of the training images; {remedy}")
    return split, test


def tell(plans: Sequence[Plan], progress: Progress) -> None:
    """Say what is going to be done."""
    for plan in plans:
        progress.say(f"{plan.line} ({plan.why})")


def plans_of(engine_name: str, options: TrainOptions) -> list[Plan]:
    """The plans of a run that is not made."""
    progress = Progress(quiet=True)
    split, _ = open_splits(options)
    with ExitStack() as stack:
        resources, _ = _engine(engine_name, options, progress, stack)
        return make_plans(split, options, resources)


def _engine(
    name: str, options: TrainOptions, progress: Progress, stack: ExitStack
) -> tuple[Resources, Callable[[Split, Split | None], Engine]]:
    """What the engine of that name will have, and what makes it."""
    if name == "local":
        threads = options.threads or available_cores()
        return Resources.local(threads), partial(LocalEngine, threads=threads, progress=progress)
    # Imported here: the local engine works where there is no pyspark.
    from ridge_spark.engines.inner import InnerEngine
    from ridge_spark.engines.outer import OuterEngine
    from ridge_spark.engines.spark_session import spark_context

    with progress.stage("spark"):
        sc = stack.enter_context(spark_context(f"ridge-spark {name}"))
    kind = InnerEngine if name == "inner" else OuterEngine
    make = partial(kind, sc, partitions=options.partitions, progress=progress)
    return spark_resources(sc, kind.whole_x), make
