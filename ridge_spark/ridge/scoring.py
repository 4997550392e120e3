"""Scores of images under many weight matrices at once, and what they got right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.screening import Screen
from ridge_spark.ridge.threads import blas_threads

# Fixed, and BLAS kept to one thread within a panel, so that a score has the same bits whichever
# engine computes it and on however many threads.
PANEL_ROWS = 512
FEWEST_TO_SCREEN = 20  # λ; a screen of fewer saves next to nothing


def scores(images: NDArray[np.uint8], coef: Float, intercept: Float) -> Float:
    """X W + b for `images` (n, d), `coef` (d, m) and `intercept` (m,); shape (n, m)."""
    return images.astype(np.float64) @ coef + intercept


@dataclass(frozen=True)
class Weights:
    """Candidates to score side by side: `coef` (L, d, k) and `intercept` (L, k)."""

    coef: Float
    intercept: Float

    @cached_property
    def columns(self) -> Float:
        """All weights as one matrix (d, L k)."""
        L, d, k = self.coef.shape
        return np.ascontiguousarray(self.coef.transpose(1, 0, 2)).reshape(d, L * k)

    @cached_property
    def screen(self) -> Screen | None:
        return Screen.of(self.coef, self.intercept) if len(self.coef) >= FEWEST_TO_SCREEN else None

    def __getstate__(self) -> dict[str, Float]:
        return {"coef": self.coef, "intercept": self.intercept}


def count_correct(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    weights: Weights,
    *,
    threads: int = 1,
) -> NDArray[np.int64]:
    """How many images each of L candidates classifies correctly; shape (L,), int64.

    All L k columns stand side by side in one product with the pixels; the class of an image is the
    column of the largest score, the first where two tie. Where there are many λ, a cheaper product
    decides on most images first, with a proof, and only the others are scored in full.
    """
    screen, columns = weights.screen, weights.columns  # made here, once, not by every thread
    L, _, k = weights.coef.shape

    def correct(start: int) -> NDArray[np.int64]:
        x, y = images[start : start + PANEL_ROWS], labels[start : start + PANEL_ROWS]
        decided = np.zeros(L, np.int64)
        if screen:
            surely_correct, in_doubt = screen.decide(x, y)
            open_rows = in_doubt.any(axis=1)
            decided = surely_correct[~open_rows].sum(axis=0)
            x, y = x[open_rows], y[open_rows]
        predicted = scores(x, columns, weights.intercept.ravel()).reshape(-1, L, k).argmax(-1)
        return decided + (predicted == y[:, None]).sum(axis=0)

    starts = range(0, len(images), PANEL_ROWS)
    return sum(_on_threads(correct, starts, threads), np.zeros(L, np.int64))


def confusion_matrix(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    coef: Float,
    intercept: Float,
    *,
    threads: int = 1,
) -> NDArray[np.int64]:
    """Images by class (rows) and predicted class (columns), for `coef` (d, k); shape (k, k)."""
    k = coef.shape[1]

    def confusion(start: int) -> NDArray[np.int64]:
        rows = slice(start, start + PANEL_ROWS)
        predicted = scores(images[rows], coef, intercept).argmax(axis=1)
        return np.bincount(labels[rows] * k + predicted, minlength=k * k).reshape(k, k)

    starts = range(0, len(images), PANEL_ROWS)
    return sum(_on_threads(confusion, starts, threads), np.zeros((k, k), np.int64))


def _on_threads(
    function: Callable[[int], NDArray[np.int64]], starts: Iterable[int], threads: int
) -> list[NDArray[np.int64]]:
    with blas_threads(1):
        if threads == 1:
            return [function(start) for start in starts]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(function, starts))
