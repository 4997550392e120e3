"""What a run found, in words and in figures."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ridge_spark.report.text import percent, plural, rounded, seconds_of
from ridge_spark.runs.directory import Run
from ridge_spark.runs.result import Update

LARGEST_TABLE = 16  # classes; beyond, the confusion matrix is a picture
MOST_PAIRS = 6
EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"


def headline(run: Run) -> str:
    """How many images it gets right."""
    result = run.result
    if result.test_accuracy is not None:
        return f"{percent(result.test_accuracy)} of {plural(result.n_test, 'test image')} right"
    if result.best_accuracy is None:
        return f"{plural(result.n_train, 'training image')}, not tested yet"
    return (
        f"{percent(result.best_accuracy)} of {plural(result.n_validation, 'held-out image')} right"
    )


def sentence(run: Run) -> str:
    """What was run, and how it came out."""
    result = run.result
    height, width, channels = run.model.shape
    colour = f" × {channels}" if channels > 1 else ""
    if result.update:
        return (
            f"Ridge regression brought up to date: {_changes(result.update)}, now of "
            f"{plural(result.n_train, 'training image')} ({height} × {width}{colour} pixels, "
            f"{len(result.classes)} classes), λ{EQUALS}{rounded(result.best_lambda)} "
            f"{result.update.lambda_}: {seconds_of(result.run_seconds)} on {who(run)}."
        )
    how = (
        f"{result.folds}-fold cross-validation"
        if result.folds > 1
        else f"{plural(result.n_validation, 'held-out image')}"
    )
    return (
        f"Ridge regression on {plural(result.n_train, 'training image')} of {result.dataset_name} "
        f"({height} × {width}{colour} pixels, {len(result.classes)} classes), "
        f"λ{EQUALS}{rounded(result.best_lambda)} chosen from "
        f"{plural(len(result.lambdas), 'value')} by {how}: {seconds_of(result.run_seconds)} "
        f"with the {result.engine} engine on {who(run)}."
    )


def baseline(run: Run) -> str:
    """What always giving one answer would get right of the test images; empty without any."""
    if not run.result.n_test:
        return ""
    names, of_class = run.result.classes, run.result.matrix.sum(axis=1)
    return (
        f" Always answering {names[int(of_class.argmax())]} would be right for "
        f"{percent(run.result.metrics.largest_share, 1)} of the test images."
    )


def who(run: Run) -> str:
    """`2 threads`, `4 workers`, `4 workers × 2 threads`."""
    threads = plural(run.result.threads, "thread")
    if run.result.workers == 1:
        return threads
    workers = plural(run.result.workers, "worker")
    return workers if run.result.threads == 1 else f"{workers} × {threads}"


def facts(run: Run) -> list[tuple[str, str]]:
    """The figures people compare runs by, each with its name."""
    result = run.result
    found = [("Engine", result.engine), ("Ran on", who(run))]
    found += [
        ("Training images", f"{result.n_train:,}"),
        ("Best λ", rounded(result.best_lambda)),
    ]
    if result.best_accuracy is not None:
        right = _percent_of(result.best_accuracy, result.n_validation)
        found.append(("Right on held-out images", right))
    if result.test_accuracy is not None:
        low, high = result.metrics.interval
        found += [
            ("Right on test images", _percent_of(result.test_accuracy, result.n_test)),
            ("95% interval", f"{percent(low)} to\N{NO-BREAK SPACE}{percent(high)}"),
            ("Macro recall", percent(result.metrics.balanced_accuracy)),
        ]
    if result.held_out and len(result.held_out.by_fold) > 1:
        folds = [fold[result.best] for fold in result.held_out.by_fold]
        found.append(
            ("By fold", f"{percent(min(folds))} to\N{NO-BREAK SPACE}{percent(max(folds))}")
        )
    if result.class_weight:
        weighted = [f"{name} × {w}" for name, w in result.class_weight.items() if w > 1]
        found.append(("Class weights", ", ".join(weighted)))
    found += [
        ("Time taken", seconds_of(result.run_seconds)),
        ("Peak memory", f"{result.peak_rss_mb:,.0f} MiB"),
        ("Solver", result.solver),
    ]
    return [*found, ("Plan", result.plan.line)] if result.plan else found


def _percent_of(right: float, of: int) -> str:
    """`86.49% of 10,000`; in a narrow column, the second line begins with `of`."""
    return f"{percent(right)} of\N{NO-BREAK SPACE}{of:,}"


def _changes(update: Update) -> str:
    """`100 images added, 20 images removed`."""
    totals: Counter[str] = Counter()
    for change in update.changes:
        totals["added" if change.added else "removed"] += change.n
    return ", ".join(f"{plural(n, 'image')} {what}" for what, n in totals.items())


@dataclass(frozen=True)
class Cell:
    count: int
    strength: float  # of its colour, 0 to 1
    right: bool


@dataclass(frozen=True)
class ClassRow:
    """A row of the confusion matrix, with recall and precision as they are shown."""

    name: str
    cells: list[Cell]
    recall: str
    precision: str


def confusion_rows(run: Run) -> list[ClassRow]:
    """The rows of the confusion matrix, shaded by the fraction of the class in each cell."""
    confusion, names, metrics = run.result.matrix, run.result.classes, run.result.metrics
    fraction = confusion / np.maximum(1, confusion.sum(axis=1))[:, None]
    strength = np.sqrt(fraction)  # rare mistakes show as well
    return [
        ClassRow(
            name,
            [Cell(int(confusion[i, j]), float(strength[i, j]), i == j) for j in range(len(names))],
            _percent_or_dash(metrics.recall[i]),
            _percent_or_dash(metrics.precision[i]),
        )
        for i, name in enumerate(names)
    ]


def _percent_or_dash(fraction: float) -> str:
    return "–" if math.isnan(fraction) else percent(fraction, 1)


def confused_pairs(run: Run) -> list[tuple[str, str, int]]:
    """The mistakes made most often: true class, answer, how often."""
    mistakes = run.result.matrix.copy()
    np.fill_diagonal(mistakes, 0)
    names = run.result.classes
    order = np.argsort(-mistakes, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = zip(*np.unravel_index(order, mistakes.shape), strict=True)
    return [(names[i], names[j], int(mistakes[i, j])) for i, j in pairs if mistakes[i, j]]
