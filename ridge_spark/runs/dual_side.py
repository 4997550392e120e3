"""The dual side of a run: XX' by one pass, an unknown for each image, a pass for the weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ridge_spark.engines.engine import Engine
from ridge_spark.features import FeatureMap
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.dual import dual_system, held_out_right, held_out_scores, split_images
from ridge_spark.ridge.held_out import Sampling, Scored
from ridge_spark.ridge.products import DualStatistics, ImageProducts
from ridge_spark.ridge.solution import Indices, Solution
from ridge_spark.ridge.solvers import choose_solver
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.searched import Fit, Searched, require_images


def search(engine: Engine, feature_map: FeatureMap, options: TrainOptions) -> Searched:
    """One pass; folds are sub-matrices, and the scores of held-out images are in them as well."""
    start = time.perf_counter()
    folds, lambdas = options.folds, np.array(options.lambdas_for(feature_map.spec))
    products = engine.products()
    n, labels, k = products.n, products.labels, products.classes
    counts = np.zeros((folds.groups, k), np.int64)
    np.add.at(counts, (folds.assign(0, n), labels), 1)
    require_images(counts, folds, engine.train)

    kept, held_out = split_images(folds, n)
    systems = [partial(dual_system, products.gram, labels, k, images) for images in (*kept, None)]
    solver = options.solver
    if solver == "auto":
        solver = choose_solver(n, n, len(lambdas), len(systems), workers=1)
    *fitted, full = engine.solve_each(systems, n, lambdas, solver)
    with engine.progress.stage("score"):
        sampling = Sampling.of(folds, n, len(lambdas), products.d)
        scored = Scored.zeros(folds.held_out, k, len(lambdas), 0)
        for group, part in enumerate(zip(kept, held_out, fitted, strict=True)):
            rows, right = held_out[group], held_out_right(products.gram, labels, *part)
            scored += Scored.of(folds.held_out, k, group, rows, labels[rows], right, sampling)
    return Searched(
        feature_map=feature_map,
        side="dual",
        solved=products,
        lambdas=lambdas,
        scored=scored.in_order(),
        scores_at=partial(_scores_at, products, kept, held_out, fitted),
        metric=options.metric,
        choose=options.choose,
        solver=solver,
        seconds=time.perf_counter() - start,
        full=full,
        fitted=tuple(fitted),
    )


def _scores_at(
    products: ImageProducts,
    kept: Sequence[Indices],
    held_out: Sequence[Indices],
    fitted: Sequence[Solution],
    index: int,
) -> tuple[Float, NDArray[np.int64]]:
    """Scores (m, k) of all images that were held out, by fits without them, and their labels."""
    found = [
        held_out_scores(products.gram, *part, index)
        for part in zip(kept, held_out, fitted, strict=True)
    ]
    return np.concatenate(found), products.labels[np.concatenate(held_out)]


def fit(engine: Engine, searched: Searched) -> Fit:
    """The weights of the best λ, of all images: one more pass."""
    products, full = searched.solved, searched.full
    assert isinstance(products, ImageProducts)
    assert full is not None
    weights = engine.weights(*full.weights_at(searched.best))
    statistics = DualStatistics(products.counts, weights.sums, products.sha256())
    return Fit(weights.coef, weights.intercept, full, statistics)
