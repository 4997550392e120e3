"""Temperatures against what they are to achieve, and reliability against a plain count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridge_spark.ridge.calibration import (
    BINS,
    Reliability,
    fit_temperature,
    probabilities,
    temperature_of_fit,
)


def drawn(n, k, temperature, seed=0):
    """Scores, and labels drawn from softmax(scores / temperature)."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(n, k))
    sums = probabilities(scores, temperature).cumsum(axis=1)
    return scores, (random.random((n, 1)) > sums[:, :-1]).sum(axis=1)


def test_probabilities_are_positive_and_add_up_to_one():
    scores = np.array([[1.0, 2.0, 3.0], [1e6, -1e6, 0.0]])
    p = probabilities(scores, 2.0)
    assert p.sum(axis=1) == pytest.approx([1, 1])
    assert p[0, 2] / p[0, 0] == pytest.approx(math.exp((3 - 1) / 2))
    assert p[1].tolist() == [1, 0, 0]


@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature):
    scores, labels = drawn(40_000, 5, temperature)
    assert fit_temperature(scores, labels) == pytest.approx(temperature, rel=0.05)
    shifted = 1e3 * (scores + 7)  # another unit of the scores is another of the temperature
    assert fit_temperature(shifted, labels) == pytest.approx(1e3 * temperature, rel=0.05)


@given(st.integers(1, 300), st.integers(2, 6), st.floats(1e-3, 10), st.integers(0, 5))
def test_confidence_is_accuracy_by_laplaces_rule(n, k, temperature, seed):
    scores, labels = drawn(n, k, temperature, seed)
    right = (scores.argmax(axis=1) == labels).sum()
    found = fit_temperature(scores, labels)
    assert 0 < found < math.inf
    aim = max((right + 1) / (n + 2), 1 / k)
    assert probabilities(scores, found).max(axis=1).mean() == pytest.approx(aim, abs=1e-4)


def test_scores_that_tell_nothing_have_a_temperature_all_the_same():
    assert fit_temperature(np.zeros((4, 3)), np.array([0, 1, 2, 0])) == 1.0
    always_wrong = np.eye(3)[[0, 1, 2]]
    flat = probabilities(always_wrong, fit_temperature(always_wrong, np.array([1, 2, 0])))
    assert flat == pytest.approx(np.full((3, 3), 1 / 3), abs=1e-4)


def test_leaving_out_by_the_mean_leverage_is_near_to_leaving_out():
    """Against fits without each tenth of the samples, of as many columns as there are samples."""
    random = np.random.default_rng(1)
    X = random.normal(size=(400, 300))
    labels = (X[:, :3] + 0.8 * random.normal(size=(400, 3))).argmax(axis=1)
    Y = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)

    def fit(rows):
        centre, mean = X[rows].mean(axis=0), Y[rows].mean(axis=0)
        Xc = X[rows] - centre
        inverse = np.linalg.inv(Xc.T @ Xc + 40 * np.eye(300))
        W = inverse @ Xc.T @ (Y[rows] - mean)
        return W.T, mean - W.T @ centre, np.trace(Xc @ inverse @ Xc.T)

    coef, intercept, dof = fit(np.arange(400))
    residual_ss = ((Y - X @ coef.T - intercept) ** 2).sum()
    gcv = residual_ss / 400 / (1 - (dof + 1) / 400) ** 2
    left_out = np.empty((400, 3))
    for part in range(20):
        out = np.arange(400) % 20 == part
        w, b, _ = fit(np.flatnonzero(~out))
        left_out[out] = X[out] @ w.T + b
    found = temperature_of_fit(X, labels, coef, intercept, gcv)
    assert found == pytest.approx(fit_temperature(left_out, labels), rel=0.15)
    # Where the fit is not left out, it is far more certain of itself than it should be.
    assert found > 1.5 * fit_temperature(X @ coef.T + intercept, labels)
    assert temperature_of_fit(X, labels, coef, intercept, math.nan) is None


def test_reliability_is_a_count_of_images_by_confidence():
    scores, labels = drawn(500, 4, 0.7)
    found = Reliability.of(scores, labels, 0.5)
    p = probabilities(scores, 0.5)
    confidence, right = p.max(axis=1), scores.argmax(axis=1) == labels
    error = 0.0
    for i in range(BINS):
        mine = (confidence * BINS // 1).clip(0, BINS - 1) == i
        assert found.images[i] == mine.sum()
        if mine.any():
            assert found.accuracy[i] == right[mine].mean()
            assert found.confidence[i] == pytest.approx(confidence[mine].mean(), abs=1e-6)
            error += mine.mean() * abs(right[mine].mean() - confidence[mine].mean())
        else:
            assert np.isnan(found.accuracy[i])
    assert found.expected_error == pytest.approx(error, abs=1e-6)
    parts = [Reliability.of(scores[i::3], labels[i::3], 0.5).sums for i in range(3)]
    assert sum(parts).tolist() == found.sums.tolist()
