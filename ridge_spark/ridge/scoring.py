"""Scores of images under many weight matrices at once, and what they got right."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.threads import blas_threads

# Fixed, and BLAS kept to one thread within a panel, so that a score has the same bits whichever
# engine computes it and on however many threads.
PANEL_ROWS = 1024


def scores(images: NDArray[np.uint8], coef: Float, intercept: Float) -> Float:
    """X W + b for `images` (n, d), `coef` (d, m) and `intercept` (m,); shape (n, m)."""
    return images.astype(np.float64) @ coef + intercept


def count_correct(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    coef: Float,
    intercept: Float,
    *,
    threads: int = 1,
) -> NDArray[np.int64]:
    """How many images each of L weight matrices classifies correctly; shape (L,), int64.

    `coef` (L, d, k) and `intercept` (L, k). All L·k columns stand side by side in one product with
    the pixels; the class of an image is the column of the largest score, the first where two tie.
    """
    L, d, k = coef.shape
    columns = np.ascontiguousarray(coef.transpose(1, 0, 2)).reshape(d, L * k)

    def correct(start: int) -> NDArray[np.int64]:
        rows = slice(start, start + PANEL_ROWS)
        predicted = scores(images[rows], columns, intercept.ravel()).reshape(-1, L, k).argmax(-1)
        return (predicted == labels[rows, None]).sum(axis=0)

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


def _on_threads(function, items, threads):  # type: ignore[no-untyped-def]
    with blas_threads(1):
        if threads == 1:
            return [function(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(partial(function), items))
