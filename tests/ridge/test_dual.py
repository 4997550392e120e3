"""Solved from XX', everything is what it is from X'X, and no matrix of pixels is made."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier as Peer

from ridge_spark import RidgeClassifier
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.dual import (
    PIXELS_AT_ONCE,
    DualSolver,
    centre_products,
    held_out_correct,
    products_of_images,
)
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.solvers import solve
from ridge_spark.ridge.statistics import Statistics
from tests.ridge.problems import noise_images

GRID = np.array([1.0, 100.0, 1e4])


@pytest.fixture(scope="module")
def images():
    return noise_images(60, 400, 4)


@pytest.mark.parametrize("d", [1, 400, PIXELS_AT_ONCE + 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_products_are_exact(d, threads):
    X = np.random.default_rng(0).integers(0, 256, (17, d), dtype=np.uint8)
    found = products_of_images(X, threads=threads)
    assert (found == X.astype(np.int64) @ X.T.astype(np.int64)).all()


def test_centring_rounds_once(images):
    """Against the same in whole numbers: n² times it is an integer."""
    X = images[0].astype(object)
    n = len(X)
    Xc = n * X - X.sum(axis=0)
    expected = (Xc @ Xc.T).astype(float) / n**2
    found = centre_products(products_of_images(images[0]))
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-9)


def test_the_solution_is_that_of_the_pixels_side(images):
    X, y = images
    dual = DualSolver(centre_products(products_of_images(X)), y, 4, X).solve(GRID)
    primal = solve(centre(Statistics.of(X, y, 4)), GRID, "eigen")
    for found, expected in zip(dual.weights(), primal.weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(dual.gcv, primal.gcv, rtol=1e-8)
    assert dual.rank == primal.rank == 59


def test_weights_are_those_of_scikit_learn(images):
    X, y = images
    coef, intercept = (
        DualSolver(centre_products(products_of_images(X)), y, 4, X).solve(GRID).weights()
    )
    for i, lam in enumerate(GRID):
        peer = Peer(alpha=len(X) * lam).fit(X.astype(float), y)
        assert np.linalg.norm(coef[i] - peer.coef_) <= 1e-8 * np.linalg.norm(peer.coef_)
        assert np.linalg.norm(intercept[i] - peer.intercept_) <= 1e-8


@pytest.mark.parametrize("folds", [Folds.k(4), Folds.holdout(0.3)])
def test_folds_are_sub_matrices(images, folds):
    X, y = images
    found = held_out_correct(products_of_images(X), y, 4, folds, GRID, X)
    group_of = folds.assign(0, len(X))
    for group in range(folds.held_out):
        out = group_of == group
        for i, lam in enumerate(GRID):
            peer = Peer(alpha=(~out).sum() * lam).fit(X[~out].astype(float), y[~out])
            assert found[group, i] == (peer.predict(X[out]) == y[out]).sum()


@pytest.mark.parametrize("cv", [None, 3])
def test_the_estimator_makes_no_matrix_of_pixels(images, cv, monkeypatch):
    X, y = images
    expected = RidgeClassifier(GRID, cv=cv).fit(X.astype(float), y)
    monkeypatch.setattr("ridge_spark.estimator.group_statistics", None)
    found = RidgeClassifier(GRID, cv=cv).fit(X, y)
    assert found.lambda_ == expected.lambda_
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-7, atol=1e-11)
