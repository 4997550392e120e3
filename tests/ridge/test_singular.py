"""Singular data gives the weights of least norm and says so; it never gives silent rubbish."""

from __future__ import annotations

import numpy as np
import pytest

from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.solvers import DIRECT, SOLVERS, solve
from ridge_spark.ridge.statistics import Statistics
from tests.ridge.problems import noise_images, signs

CLASSES = 3
GRID = np.array([0, 1e-12, 1e-9, 1e-5, 1.0, 1e4])


def duplicated_columns():
    images, labels = noise_images(400, 20, CLASSES)
    return np.hstack([images, images[:, :7]]), labels


def sums_of_columns():
    """The last pixel is the sum of two others: singular, though no two are alike."""
    images, labels = noise_images(400, 20, CLASSES)
    images[:, :2] //= 2
    return np.column_stack([images, images[:, 0] + images[:, 1]]), labels


def more_pixels_than_images():
    return noise_images(60, 100, CLASSES)


def few_images():
    return noise_images(30, 100, CLASSES)


def few_images_each_twice():
    images, labels = noise_images(15, 100, CLASSES)
    return np.repeat(images, 2, axis=0), np.repeat(labels, 2)


def as_many_pixels_as_images():
    return noise_images(50, 50, CLASSES)


def constant_pixels():
    images, labels = noise_images(400, 20, CLASSES)
    return np.hstack([images, np.full((400, 30), 200, np.uint8)]), labels


def an_image_repeated():
    images, _ = noise_images(4, 10, 2)
    return np.repeat(images, 25, axis=0), np.repeat([0, 1, 2, 2], 25)


CASES = [duplicated_columns, sums_of_columns, more_pixels_than_images, few_images,
         few_images_each_twice, as_many_pixels_as_images, constant_pixels,
         an_image_repeated]  # fmt: skip
SINGULAR = [case for case in CASES if case is not constant_pixels]

each = pytest.mark.parametrize("solver", SOLVERS)
named = {"ids": lambda case: case.__name__}


def least_norm(images, labels, lam):
    """numpy's own, by a singular value decomposition of the centred and extended X."""
    n, d = images.shape
    Xc = images - images.mean(axis=0)
    Y = signs(labels, CLASSES)
    Yc = Y - Y.mean(axis=0)
    X_and_penalty = np.vstack([Xc, np.sqrt(n * lam) * np.eye(d)])
    Y_and_zeros = np.vstack([Yc, np.zeros((d, CLASSES))])
    coef = np.linalg.lstsq(X_and_penalty, Y_and_zeros, rcond=1e-10 if lam == 0 else None)[0]
    return coef, Y.mean(axis=0) - images.mean(axis=0) @ coef


@each
@pytest.mark.parametrize("case", CASES, **named)
def test_no_penalty_gives_the_weights_of_least_norm(case, solver):
    images, labels = case()
    solution = solve(centre(Statistics.of(images, labels, CLASSES)), np.array([0.0]), solver)
    W, b = least_norm(images, labels, 0)
    coef, intercept = solution.weights_at(0)
    np.testing.assert_allclose(coef.T, W, rtol=1e-6, atol=1e-6 * np.abs(W).max())
    np.testing.assert_allclose(intercept, b, rtol=1e-6, atol=1e-6)


@each
@pytest.mark.parametrize("case", SINGULAR, **named)
def test_where_it_is_singular_it_says_so(case, solver):
    images, labels = case()
    solution = solve(centre(Statistics.of(images, labels, CLASSES)), GRID, solver)
    assert solution.singular[0]
    assert not solution.singular[-2:].any()
    Xc = images - images.mean(axis=0)
    assert solution.rank == np.linalg.matrix_rank(Xc)


@each
def test_constant_pixels_are_not_singular(solver):
    """They are left out exactly, so there is nothing to warn of."""
    images, labels = constant_pixels()
    solution = solve(centre(Statistics.of(images, labels, CLASSES)), GRID, solver)
    assert not solution.singular.any()
    assert not solution.weights()[0][..., 20:].any()


@each
@pytest.mark.parametrize("case", CASES, **named)
def test_every_lambda_predicts_as_the_exact_weights_do(case, solver):
    """Down to the λ at which a singular direction and the penalty are one rounding error apart."""
    images, labels = case()
    solution = solve(centre(Statistics.of(images, labels, CLASSES)), GRID, solver)
    for i, lam in enumerate(GRID):
        W, b = least_norm(images, labels, lam)
        coef, intercept = solution.weights_at(i)
        np.testing.assert_allclose(images @ coef.T + intercept, images @ W + b, atol=1e-5)
        assert np.linalg.norm(coef) < 1.001 * np.linalg.norm(W)


@pytest.mark.parametrize("solver", DIRECT)
@pytest.mark.parametrize("case", CASES, **named)
def test_gcv_is_never_less_than_nothing_and_never_nan(case, solver):
    images, labels = case()
    gcv = solve(centre(Statistics.of(images, labels, CLASSES)), GRID, solver).gcv
    assert (gcv >= 0).all()
