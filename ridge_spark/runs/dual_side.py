"""The dual side of a run: XX' by one pass, an unknown for each image, a pass for the weights."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from ridge_spark.engines.engine import Engine
from ridge_spark.features import FeatureMap
from ridge_spark.ridge.dual import dual_system, held_out_correct, split_images
from ridge_spark.ridge.products import DualStatistics, ImageProducts
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
        correct = held_out_correct(products.gram, labels, kept, held_out, fitted)
    return Searched(
        feature_map=feature_map,
        side="dual",
        solved=products,
        n_validation=int(counts[: folds.held_out].sum()),
        lambdas=lambdas,
        correct=correct,
        solver=solver,
        seconds=time.perf_counter() - start,
        full=full,
        fitted=tuple(fitted),
    )


def fit(engine: Engine, searched: Searched) -> Fit:
    """The weights of the best λ, of all images: one more pass."""
    products, full = searched.solved, searched.full
    assert isinstance(products, ImageProducts)
    assert full is not None
    weights = engine.weights(*full.weights_at(searched.best))
    statistics = DualStatistics(products.counts, weights.sums, products.sha256())
    return Fit(weights.coef, weights.intercept, full, statistics)
