"""Solved from XX', everything is what it is from X'X, and no matrix of pixels is made."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeClassifier as Peer

from ridge_spark import RidgeClassifier
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.dual import dual_system, held_out_correct, split_images
from ridge_spark.ridge.dual_weights import IntegerAlpha, finish_weights, weights_task
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.products import MOST_PIXELS, ImageProducts, products_of
from ridge_spark.ridge.solvers import SOLVERS, solve
from ridge_spark.ridge.statistics import Statistics
from tests.ridge.problems import noise_images

GRID = np.array([1.0, 100.0, 1e4])


@pytest.fixture(scope="module")
def images():
    return noise_images(60, 400, 4)


def dual_weights(X, y, classes, lambdas, solver="tridiagonal", cuts=()):
    """The solution on the dual side, and the weights of each λ by parts of the images."""
    solution = solve(dual_system(products_of(X), y, classes), lambdas, solver)
    found = []
    for i in range(len(lambdas)):
        alpha, target_mean = solution.weights_at(i)
        integers = IntegerAlpha.of(alpha)
        task = weights_task(integers, classes, X.shape[1])
        edges = [0, *cuts, len(X)]
        parts = [Block(a, X[a:b], y[a:b]) for a, b in itertools.pairwise(edges)]
        found.append(
            finish_weights(integers, sum(task([p], threads=1) for p in parts), target_mean)
        )
    return solution, found


@pytest.mark.parametrize("d", [1, 400, MOST_PIXELS + 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_products_are_exact(d, threads):
    X = np.random.default_rng(0).integers(0, 256, (17, d), dtype=np.uint8)
    whole = X.astype(np.int64) @ X.T.astype(np.int64)
    assert (products_of(X, threads=threads) == whole).all()
    assert (products_of(X[:5], X[5:], threads=threads) == whole[:5, 5:]).all()


@pytest.mark.parametrize("kept", [None, np.arange(3, 50)])
def test_the_eigenvalues_are_those_of_centred_images(images, kept):
    """Against the same in whole numbers: n² times it is an integer."""
    X, y = images
    some = X if kept is None else X[kept]
    n = len(some)
    Xc = n * some.astype(object) - some.astype(object).sum(axis=0)
    expected = np.linalg.eigvalsh((Xc @ Xc.T).astype(float) / n**2)
    found = dual_system(products_of(X), y, 4, kept)
    assert found.gram.tobytes() == found.gram.T.tobytes()
    np.testing.assert_allclose(np.linalg.eigvalsh(found.gram), expected[1:], rtol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_solution_is_that_of_the_primal_side(images, solver):
    X, y = images
    dual, weights = dual_weights(X, y, 4, GRID, solver)
    primal = solve(centre(Statistics.of(X, y, 4)), GRID, "eigen")
    for i, found in enumerate(weights):
        coef, intercept = primal.weights_at(i)
        assert np.linalg.norm(found.coef - coef) <= 1e-10 * np.linalg.norm(coef)
        np.testing.assert_allclose(found.intercept, intercept, rtol=1e-9, atol=1e-12)
    if solver != "krylov":
        np.testing.assert_allclose(dual.gcv, primal.gcv, rtol=1e-9)


def test_weights_are_those_of_scikit_learn(images):
    X, y = images
    _, weights = dual_weights(X, y, 4, GRID)
    for lam, found in zip(GRID, weights, strict=True):
        peer = Peer(alpha=len(X) * lam).fit(X.astype(float), y)
        assert np.linalg.norm(found.coef - peer.coef_) <= 1e-8 * np.linalg.norm(peer.coef_)
        assert np.linalg.norm(found.intercept - peer.intercept_) <= 1e-8


def test_weights_have_the_same_bits_from_any_parts_and_class_sums_come_with_them(images):
    X, y = images
    found = {
        (weights.coef.tobytes(), weights.intercept.tobytes())
        for cuts in ((), (1,), (7, 30, 59))
        for weights in dual_weights(X, y, 4, GRID[:1], cuts=cuts)[1]
    }
    assert len(found) == 1
    (weights,) = dual_weights(X, y, 4, GRID[:1])[1]
    assert (weights.sums == Statistics.of(X, y, 4).sums).all()


@pytest.mark.parametrize("folds", [Folds.k(4), Folds.holdout(0.3)])
def test_folds_are_sub_matrices(images, folds):
    X, y = images
    products = products_of(X)
    kept, held_out = split_images(folds, len(X))
    fitted = [solve(dual_system(products, y, 4, k), GRID, "tridiagonal") for k in kept]
    found = held_out_correct(products, y, kept, held_out, fitted)
    for i, lam in enumerate(GRID):
        expected = 0
        for k, out in zip(kept, held_out, strict=True):
            peer = Peer(alpha=len(k) * lam).fit(X[k].astype(float), y[k])
            expected += (peer.predict(X[out]) == y[out]).sum()
        assert found[i] == expected


def least_norm(X, y, classes, lam):
    """By the singular values of X itself, without a product of it."""
    Xc = X - X.mean(axis=0)
    Y = np.where(y[:, None] == np.arange(classes), 1.0, -1.0)
    U, s, V = np.linalg.svd(Xc, full_matrices=False)
    kept = s > 1e-9 * s.max(initial=0)
    factor = s[kept] / (s[kept] ** 2 + len(X) * lam)
    return ((V[kept].T * factor) @ U[:, kept].T @ (Y - Y.mean(axis=0))).T


@settings(max_examples=30)
@given(
    n=st.integers(4, 12),
    d=st.integers(1, 30),
    lam=st.sampled_from([0.0, 1e-6, 1.0, 1e5]),
    duplicates=st.integers(0, 5),
    constant=st.integers(0, 10),
    seed=st.integers(0, 99),
)
def test_any_small_set_is_solved(n, d, lam, duplicates, constant, seed):
    """Constant pixels, images twice with other labels, one image of a class, more than pixels."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n, d), dtype=np.uint8)
    X[:, :constant] = 77
    X[n - min(duplicates, n - 1) :] = X[0]
    y = np.arange(n) % 3
    solution, (found,) = dual_weights(X, y, 3, np.array([lam]))
    assert np.isfinite(found.coef).all()
    assert (found.coef[:, : min(constant, d)] == 0).all()
    expected = least_norm(X.astype(float), y, 3, lam)
    tolerance = 1e-6 * np.linalg.norm(expected) + 1e-9
    assert np.linalg.norm(found.coef - expected) <= tolerance
    assert solution.gcv[0] >= 0  # images twice with one label can be met exactly, and count twice


def test_a_class_that_a_fold_lacks_is_never_predicted(images):
    X, y = images[0], np.where(np.arange(60) < 3, 2, np.arange(60) % 2)
    products, kept, out = products_of(X), np.arange(3, 60), np.arange(3)
    solution = solve(dual_system(products, y, 3, kept), GRID, "tridiagonal")
    assert (held_out_correct(products, y, [kept], [out], [solution]) == 0).all()


def test_the_hash_is_of_labels_and_products(images):
    X, y = images
    products, labels = products_of(X), y.astype(np.int64)
    one = ImageProducts(labels, products, 4, 400).sha256()
    turned = labels.copy()
    turned[0] = (turned[0] + 1) % 4
    assert one != ImageProducts(turned, products, 4, 400).sha256()
    assert one != ImageProducts(labels, products + np.eye(60, dtype=int), 4, 400).sha256()
    assert one == ImageProducts(labels.copy(), np.asfortranarray(products), 4, 400).sha256()


@pytest.mark.parametrize("cv", [None, 3, 0.3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_the_estimator_makes_no_matrix_of_pixels(images, cv, dtype, monkeypatch):
    X, y = images
    expected = RidgeClassifier(GRID, cv=cv)
    expected._fit_dual = expected._fit_primal
    expected.fit(X, y)
    for name in ("group_statistics", "FloatStatistics"):
        monkeypatch.setattr(f"ridge_spark.estimator.{name}", None)
    found = RidgeClassifier(GRID, cv=cv).fit(X.astype(dtype), y)
    assert found.lambda_ == expected.lambda_
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-7, atol=1e-11)
    np.testing.assert_allclose(found.gcv_, expected.gcv_, rtol=1e-9)


def test_one_huge_value_among_floats_is_not_felt_where_it_is_held_out(images):
    X, y = images[0].astype(float), images[1]
    X[5, 9] = 1e12
    kept, out = np.delete(np.arange(60), 5), np.array([5])
    fitted = RidgeClassifier(GRID[:1]).fit(X[kept], y[kept])
    from ridge_spark.ridge.float_products import FloatProducts

    products = FloatProducts.of(X).gram
    solution = solve(dual_system(products, y, 4, kept), GRID[:1], "tridiagonal")
    alpha, _ = solution.weights_at(0)
    coef = alpha @ X[kept]
    assert len(out) == 1
    assert np.linalg.norm(coef - fitted.coef_) <= 1e-9 * np.linalg.norm(coef)
