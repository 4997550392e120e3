"""What a run computed where: the steps of its engine, with the run's own numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ridge_spark.report.text import bytes_of, plural, rounded
from ridge_spark.runs.result import Result, Update


@dataclass(frozen=True)
class Step:
    """One box: who does it, what, with which numbers; and what then goes on to the next box."""

    by_workers: bool
    title: str
    text: str
    passed_on: str = ""
    stage: str = ""  # of the run, for the time it took


def lanes(result: Result) -> tuple[str, str]:
    """Who the two columns of boxes are."""
    threads = plural(result.threads, "thread")
    if result.runtime == "local":
        return "Main thread", threads
    first, worker = {"mpi": ("Rank 0", "rank"), "spark": ("Driver", "worker")}[result.runtime]
    each = f", {threads} each" if result.threads > 1 else ""
    return first, plural(result.workers, worker) + each


def steps(result: Result) -> list[Step]:
    """The boxes from top to bottom."""
    tasks = Counter(task.stage for task in result.tasks)
    if result.update:
        return _steps_of_update(result, result.update)
    d, k, blocks = result.d, len(result.classes), result.blocks
    search = {"primal": _primal_search, "dual": _dual_search, "operator": _operator_search}
    found = [
        Step(
            by_workers=False,
            title="Data set",
            text=f"{plural(result.n_train, 'image')} {_seen(result)}, {k} classes"
            + (f"; {plural(blocks, 'block')}" if blocks else ""),
            passed_on=_how_images_travel(result),
            stage="broadcast",
        ),
        *search[result.side](result, tasks),
        Step(
            by_workers=False,
            title=f"Choose λ = {rounded(result.best_lambda)}",
            text=f"most right answers on {plural(result.n_validation, 'held-out image')}",
            passed_on=_after_choosing(result),
        ),
    ]
    if result.side != "primal":
        dual = result.side == "dual"
        how = f"{d:,} × {k} sums of pixels times α, as integers"
        found.append(
            Step(
                by_workers=True,
                title="The weights",
                text=f"{_divided(tasks['weights'], 'its blocks')}: {how}"
                if dual
                else "products with all images, for this λ alone",
                passed_on=f"{d:,} × {k} weights" if result.n_test else "",
                stage="weights" if dual else "",
            )
        )
    return found + _test(result, f", {_divided(tasks['test'], 'its blocks')}")


def _test(result: Result, how: str = "") -> list[Step]:
    if not result.n_test:
        return []
    text = plural(result.n_test, "image") + how
    return [Step(by_workers=True, title="Test", text=text, stage="test")]


def _after_choosing(result: Result) -> str:
    if result.side == "dual":
        return f"{result.n_train:,} × {len(result.classes)} weights of images, α"
    if result.side == "operator":
        return "λ"
    return f"{result.d:,} × {len(result.classes)} weights" if result.n_test else ""


def _primal_search(result: Result, tasks: Counter[str]) -> list[Step]:
    F = result.folds
    solving = tasks["factorise"] + tasks["solve"]
    rows = "a range of rows" if result.whole_x else "its blocks"
    return [
        Step(
            by_workers=True,
            title="Pass one: statistics",
            text=f"{_divided(tasks['statistics'], rows)}: counts, sums and X'X of {max(2, F)} "
            "groups, exactly, as integers",
            passed_on="integers: they add up to the same in any order",
            stage="statistics",
        ),
        _solve(result, solving, "weights"),
        _scoring(result, tasks),
    ]


def _solve(result: Result, tasks: int, weights: str) -> Step:
    L, F, k = len(result.lambdas), result.folds, len(result.classes)
    return Step(
        by_workers=tasks > 0,
        title=f"Solve for {L} λ",
        text=_how_solved(result, F, L, tasks),
        passed_on=f"{F * L * k:,} columns of {weights}",
        stage="solve",
    )


def _scoring(result: Result, tasks: Counter[str]) -> Step:
    L, F = len(result.lambdas), result.folds
    return Step(
        by_workers=True,
        title="Pass two: score",
        text=_how_scored(result, F, L, tasks["score"]),
        passed_on=f"{plural(F * L, 'count')} of right answers",
        stage="score",
    )


def _operator_search(result: Result, tasks: Counter[str]) -> list[Step]:
    L, F, k = len(result.lambdas), result.folds, len(result.classes)
    without = "all but those held out" if F == 1 else f"{F} systems, each all but a fold"
    return [
        Step(
            by_workers=True,
            title="Pass one: sums",
            text=f"{_divided(tasks['moments'], 'its blocks')}: counts, sums and sums of squares "
            f"of {max(2, F)} groups, exactly, as integers",
            passed_on="integers: they add up to the same in any order",
            stage="moments",
        ),
        Step(
            by_workers=True,
            title="Sketch",
            text="products of all images with random directions: a preconditioner for every λ",
            passed_on="the largest eigenvalues, nearly",
            stage="sketch",
        ),
        Step(
            by_workers=True,
            title=f"Solve for {L} λ",
            text=f"of {without}, by products with the images: a pass for each step",
            passed_on=f"{F * L * k:,} columns of weights",
            stage="solve",
        ),
        _scoring(result, tasks),
    ]


def _dual_search(result: Result, tasks: Counter[str]) -> list[Step]:
    L, F, n = len(result.lambdas), result.folds, result.n_train
    return [
        Step(
            by_workers=True,
            title="One pass: products of images",
            text=f"{_divided(tasks['pairs'], 'a pair of parts of the images')}: XX', "
            f"{n:,} × {n:,}, exactly, as integers",
            passed_on="integers: the same however images are divided",
            stage="products",
        ),
        _solve(result, tasks["factorise"], "weights of images"),
        Step(
            by_workers=False,
            title="Score",
            text=f"held-out images by their products with the others: {plural(F, 'fold')} × {L} λ",
            passed_on=f"{plural(F * L, 'count')} of right answers",
            stage="score",
        ),
    ]


def _seen(result: Result) -> str:
    if result.spec == "pixels":
        return f"of {result.d:,} pixels"
    return f"seen as {result.d:,} features each"


def _divided(tasks: int, what: str) -> str:
    return f"{plural(tasks, 'task')}, each {what}" if tasks else "block by block"


def _how_images_travel(result: Result) -> str:
    if result.whole_x:
        size = bytes_of((result.n_train + result.n_test) * result.d)
        return f"X once to every worker, as bytes: {size}"
    if result.runtime == "local":
        return "blocks, read ahead of their use"
    return "where the blocks are; the images stay in storage"


def _how_solved(result: Result, F: int, L: int, tasks: int) -> str:
    systems = f"all images, and all but {'those held out' if F == 1 else 'each fold'}:"
    shared = f", in {plural(tasks, 'task')}" if tasks else ""
    if result.solver == "cholesky":
        return f"{systems} {plural((F + 1) * L, 'Cholesky factorisation')}{shared}"
    once = {
        "tridiagonal": "reduction to tridiagonal form",
        "eigen": "eigendecomposition",
        "krylov": "subspace grown with float32 factors",
    }
    return f"{systems} {F + 1} systems, each one {once[result.solver]} for all λ{shared}"


def _how_scored(result: Result, F: int, L: int, tasks: int) -> str:
    pairs = f"{plural(F, 'fold')} × {L} λ"
    if result.engine == "outer":
        return f"(fold, λ) pairs: {pairs}, in {plural(tasks, 'task')}"
    return f"{_divided(tasks, 'its blocks')}: {pairs} in one product"


def _steps_of_update(result: Result, update: Update) -> list[Step]:
    """The boxes of `ridge-spark update`, which visits no image that the run had before."""
    changes = update.changes
    what = f"{result.d:,} {'pixels' if result.spec == 'pixels' else 'features'}"
    return [
        Step(
            by_workers=False,
            title="Statistics of the run",
            text=f"counts, sums and X'X of {what}, from {update.run}",
            passed_on="integers",
        ),
        Step(
            by_workers=True,
            title="Add and remove",
            text=f"statistics of {plural(sum(change.n for change in changes), 'image')}",
            passed_on="integers: what training from scratch would give, bit for bit",
            stage="statistics",
        ),
        Step(
            by_workers=False,
            title=f"Solve for λ = {rounded(result.best_lambda)}",
            text=f"λ {update.lambda_}",
            passed_on=f"{result.d:,} × {len(result.classes)} weights" if result.n_test else "",
            stage="solve",
        ),
        *_test(result),
    ]
