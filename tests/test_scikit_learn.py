"""The weights and predictions of scikit-learn's RidgeClassifier, with its alpha = Nλ."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier as Peer

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.solvers import SOLVERS, solve
from ridge_spark.ridge.statistics import Statistics
from tests.ridge.problems import noise_images

GRID = np.logspace(-5, 5, 10)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("n", "d"), [(2000, 50), (120, 100)])
def test_weights_are_equal_over_the_whole_grid(solver, n, d):
    images, labels = noise_images(n, d, 5)
    solution = solve(centre(Statistics.of(images, labels, 5)), GRID, solver)
    for i, lam in enumerate(GRID):
        peer = Peer(alpha=n * lam, solver="cholesky").fit(images.astype(float), labels)
        coef, intercept = solution.weights_at(i)
        assert np.linalg.norm(coef - peer.coef_) <= 1e-8 * np.linalg.norm(peer.coef_)
        assert np.linalg.norm(intercept - peer.intercept_) <= 1e-8 * np.linalg.norm(peer.intercept_)


IMAGES = 10_000  # of MNIST: what scikit-learn fits in a second


def images_of(mnist, split):
    blocks = list(read_blocks(open_split(str(mnist), split).limited(IMAGES).blocks))
    return np.vstack([b.images for b in blocks]), np.concatenate([b.labels for b in blocks])


@pytest.fixture(scope="module")
def predicted(mnist):
    """scikit-learn's predictions of MNIST's test images, by λ: the smallest and the best."""
    images, labels = images_of(mnist, "train")
    images, test_images = images.astype(float), images_of(mnist, "test")[0].astype(float)
    return {
        lam: Peer(alpha=IMAGES * lam, solver="cholesky").fit(images, labels).predict(test_images)
        for lam in GRID[[0, 7]]
    }


@pytest.mark.parametrize("solver", SOLVERS)
def test_predictions_on_mnist_are_equal(mnist, predicted, solver):
    """Many of its pixels are constant, so that its X'X is singular."""
    test_images = images_of(mnist, "test")[0].astype(float)
    system = centre(Statistics.of(*images_of(mnist, "train"), 10))
    assert len(system.active) < 784
    solution = solve(system, np.array(list(predicted)), solver)
    assert not solution.singular.any()
    for i, classes in enumerate(predicted.values()):
        coef, intercept = solution.weights_at(i)
        ours = (test_images @ coef.T + intercept).argmax(axis=1)
        assert (ours == classes).all()
