"""Choosing λ by what it made of held-out images, and how sure that choice is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.held_out import Scored


def score_of(scored: Scored, metric: str) -> Float:
    """Of each λ, (L,): the fraction of held-out images that is right, or for "balanced" the mean of
    these fractions over the classes that there are held-out images of.
    """
    if metric == "accuracy":
        return scored.totals / scored.n.sum()
    n = scored.n_by_class
    found: Float = (scored.correct.sum(axis=0)[n > 0] / n[n > 0, None]).mean(axis=0)
    return found


def error_of_difference(scored: Scored, metric: str, best: int) -> Float:
    """The standard error of how much each λ scored below the one at index `best`; shape (L,).

    It is paired: with d = 1 for an image that only the best classifies correctly, -1 for one that
    only the other does, and 0 else,

        accuracy   Var(d) / n            balanced   (1/k²) Σ_c Var_c(d) / n_c

    are its squares, Var being over the images whose outcomes are kept, and n over all. Images that
    both get right or wrong say nothing of which is better: so it is smaller, by far, than the error
    of either score alone. McNemar (1947) tests by the same counts.
    """
    kept, n = scored.outcomes, scored.n_by_class
    d = kept.right[:, best, None].astype(np.int64) - kept.right
    if metric == "accuracy":
        return np.sqrt(_variance(d) / max(1, n.sum()))
    classes = np.flatnonzero(n)
    squares = [_variance(d[kept.label == c]) / n[c] for c in classes]
    return np.sqrt(np.sum(squares, axis=0)) / len(classes)


def _variance(d: NDArray[np.int64]) -> Float:
    """Of each column of -1, 0 and 1; 0 where there are no rows."""
    m = max(1, len(d))
    found: Float = (d**2).sum(axis=0) / m - (d.sum(axis=0) / m) ** 2
    return found


def choose(
    score: NDArray[np.int64] | Float,
    lambdas: Float,
    converged: NDArray[np.bool_] | None = None,
    error: Float | None = None,
) -> int:
    """Index of the λ with the best score on held-out images; of equals, the largest λ.

    The largest, because of models that do equally well the most regularised is the simplest. With
    `error` (L,), equal is also who is worse than the best by no more than that. A λ that has not
    `converged` is never chosen; `InputError` where none has.
    """
    if converged is None:
        converged = np.ones(len(lambdas), np.bool_)
    if not converged.any():
        raise InputError(
            "the iteration has not converged for any λ: use larger ones, or another solver"
        )
    top = score[converged].max()
    allowed = 0 if error is None else error
    equal = np.flatnonzero(converged & (top - score <= allowed))
    return int(equal[np.argmax(lambdas[equal])])
