"""A result as text for a person: the search over λ, the choice, the test, the run directory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ridge_spark.printable import printable
from ridge_spark.ridge.metrics import Metrics
from ridge_spark.runs.class_weights import in_words
from ridge_spark.runs.result import KEPT, Approximation, Result

MOST_LAMBDAS = 20  # that a table shows; of more,
NEIGHBOURS = 5  # on either side of the best


def table(result: Result, out: str) -> str:
    """A short table of what a run found."""
    lines = _features(result) if result.spec != "pixels" or len(result.features) > 1 else []
    lines += _search(result)
    kept = result.update is not None and result.update.lambda_ == KEPT
    how = result.update.lambda_ if result.update else f"by {result.n_validation:,} held-out images"
    lines += ["", f"{'λ' if kept else 'best λ':<15}{result.best_lambda:.6g}, {how}"]
    lines += _next_best(result)
    if result.test_accuracy is not None:
        share = result.metrics.largest_share
        lines.append(
            f"test accuracy  {result.test_accuracy:.4f} on {result.n_test:,} images "
            f"({share:.4f} by always answering the same)"
        )
    if result.balanced_accuracy is not None:
        lines.append(f"macro recall   {result.balanced_accuracy:.4f}, the mean over the classes")
    if result.class_weight:
        lines.append(f"class weights  {in_words(result.class_weight)}")
    lines.append(f"trained on     {result.n_train:,} images in {result.run_seconds:.2f} s")
    lines.append(f"run directory  {printable(out)}")
    if result.approximation:
        lines += _approximation(result.approximation)
    return "\n".join(lines)


def _next_best(result: Result) -> list[str]:
    """How far from the chosen λ the best other is, and the standard error; a line, or none."""
    if result.held_out is None or len(result.lambdas) < 2:
        return []
    balanced = result.held_out.metric == "balanced"
    found = result.held_out.balanced_accuracy if balanced else result.validation_accuracy
    score = np.array(found, np.float64)
    others = [i for i in range(len(score)) if i != result.best]
    i = max(others, key=lambda i: score[i])
    below, errors = score[result.best] - score[i], result.held_out.standard_error
    error = max(errors[i], errors[result.best])  # one of the two is the best, and has none
    return [
        f"next best      {result.lambdas[i]:.6g}: {100 * abs(below):.2f} ± {100 * error:.2f} "
        f"percentage points {'less' if below >= 0 else 'more'}"
        f"{' of macro recall' if balanced else ''}"
    ]


def _search(result: Result) -> list[str]:
    """A row for each λ, or for the best and its neighbours where there are many."""
    best, L = result.best, len(result.lambdas)
    first, end = 0, L
    if L > MOST_LAMBDAS:
        first = min(max(0, best - NEIGHBOURS), L - 2 * NEIGHBOURS - 1)
        end = first + 2 * NEIGHBOURS + 1
    kept = result.update is not None and result.update.lambda_ == KEPT
    lines = [f"{'λ':>12}   validation accuracy        GCV"]
    if first:
        lines.append(f"{'...':>12}   {first} smaller ones: --json has all")
    for i in range(first, end):
        accuracy, gcv = result.validation_accuracy[i], result.gcv[i]
        chosen = "  <- best" if i == best and not kept else ""
        shown = "-" if accuracy is None else f"{accuracy:.4f}"
        shown_gcv = "-" if gcv is None else f"{gcv:.5f}"
        lines.append(f"{result.lambdas[i]:>12.5g}   {shown:>19}   {shown_gcv:>8}{chosen}")
    if end < L:
        lines.append(f"{'...':>12}   {L - end} larger ones: --json has all")
    return lines


def _features(result: Result) -> list[str]:
    """A row for each spec that was searched."""
    specs = result.features
    width = max([len("features"), *(len(each.spec) for each in specs)])
    lines = [f"{'features':<{width}}   numbers   validation accuracy   seconds"] if specs else []
    for each in specs:
        chosen = "  <- best" if each.spec == result.spec and len(specs) > 1 else ""
        shown = "-" if each.validation_accuracy is None else f"{each.validation_accuracy:.4f}"
        lines.append(
            f"{each.spec:<{width}}   {each.d:>7,}   {shown:>19}   {each.seconds:>7.2f}{chosen}"
        )
    return [*lines, ""] if specs else [f"features       {result.spec}", ""]


def _approximation(cost: Approximation) -> list[str]:
    """What averaging the models of MPI ranks has cost."""
    lines = ["APPROXIMATION  the average of what each rank found on its own images"]
    if cost.exact_test_accuracy is not None and cost.test_accuracy_lost is not None:
        lost = 100 * cost.test_accuracy_lost
        lines.append(
            f"exact          {cost.exact_test_accuracy:.4f} on the test images: averaging "
            f"{'lost' if lost >= 0 else 'gained'} {abs(lost):.2f} percentage points"
        )
    return lines


def class_table(metrics: Metrics, names: Sequence[str]) -> str:
    """Precision and recall of each class as text."""
    names = [printable(name) for name in names]
    width = max(len(name) for name in (*names, "class"))
    lines = [f"{'class':<{width}}  precision     recall     images"]
    for name, precision, recall, row in zip(
        names, metrics.precision, metrics.recall, metrics.confusion, strict=True
    ):
        figures = (
            f"{'-':>9}" if np.isnan(value) else f"{value:>9.4f}" for value in (precision, recall)
        )
        lines.append(f"{name:<{width}}  " + "  ".join(figures) + f"  {row.sum():>9,}")
    return "\n".join(lines)


def confusion_table(confusion: NDArray[np.int64], names: list[str]) -> str:
    """The confusion matrix as text: true classes down, predicted classes across."""
    names = [printable(name) for name in names]
    width = 1 + max(len(f"{confusion.max():,}"), *(len(name) for name in names))
    rows = ["true \\ predicted", " " * width + "".join(f"{name:>{width}}" for name in names)]
    rows += [
        f"{name:>{width}}" + "".join(f"{count:>{width},}" for count in row)
        for name, row in zip(names, confusion, strict=True)
    ]
    return "\n".join(rows)
