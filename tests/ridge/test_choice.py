"""Scores and their standard errors against plain counts, and the two rules that choose by them."""

from __future__ import annotations

import numpy as np
import pytest

from ridge_spark.ridge.choice import choose, error_of_difference, score_of
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Sampling, Scored

K, L, N = 3, 4, 3000
ALL = Sampling(0, outcomes=1.0, images=0.0)


@pytest.fixture(scope="module")
def drawn():
    """Labels (N,), and which of L classifiers are right about each, the better the later."""
    random = np.random.default_rng(0)
    labels = random.choice(K, N, p=[0.7, 0.25, 0.05])
    hard = random.random((N, 1)) + 0.05 * random.random((N, L))
    return labels, hard < np.array([0.5, 0.6, 0.8, 0.79]) - 0.2 * labels[:, None]


def scored_of(labels, right, sampling=ALL, groups=1):
    total = Scored.zeros(groups, K, right.shape[1], 0)
    for group in range(groups):
        rows = np.arange(group, len(labels), groups)
        total += Scored.of(groups, K, group, rows, labels[rows], right[rows], sampling)
    return total.in_order()


def test_scores_are_fractions_of_images_or_of_classes(drawn):
    labels, right = drawn
    for groups in (1, 5):
        scored = scored_of(labels, right, groups=groups)
        assert score_of(scored, "accuracy") == pytest.approx(right.mean(axis=0))
        of_classes = [right[labels == c].mean(axis=0) for c in range(K)]
        assert score_of(scored, "balanced") == pytest.approx(np.mean(of_classes, axis=0))


def test_a_class_without_held_out_images_is_not_counted(drawn):
    labels, right = drawn
    kept = labels != 2
    scored = scored_of(labels[kept], right[kept])
    of_classes = [right[labels == c].mean(axis=0) for c in range(2)]
    assert score_of(scored, "balanced") == pytest.approx(np.mean(of_classes, axis=0))
    assert np.isfinite(error_of_difference(scored, "balanced", 0)).all()


@pytest.mark.parametrize("metric", ["accuracy", "balanced"])
def test_the_error_of_a_difference_is_what_the_bootstrap_finds(drawn, metric):
    labels, right = drawn
    scored = scored_of(labels, right)
    found = error_of_difference(scored, metric, 2)
    assert found[2] == 0
    random = np.random.default_rng(1)
    classes = [np.flatnonzero(labels == c) for c in range(K)]
    differences = []
    for _ in range(400):
        if metric == "accuracy":
            again = [random.integers(0, N, N)]
        else:  # by class, whose sizes are given
            again = [random.choice(rows, len(rows)) for rows in classes]
        means = np.mean([right[rows].mean(axis=0) for rows in again], axis=0)
        differences.append(means[2] - means)
    assert found == pytest.approx(np.std(differences, axis=0), rel=0.15)
    alone = np.sqrt(2 * right[:, 2].var() / N)
    assert found[3] < alone / 2  # both are right about nearly the same images


def test_a_sample_of_the_outcomes_gives_nearly_the_same(drawn):
    labels, right = drawn
    some = scored_of(labels, right, Sampling(0, outcomes=0.4, images=0.0))
    assert 1000 < len(some.outcomes.row) < 1400
    whole = scored_of(labels, right)
    for metric in ("accuracy", "balanced"):
        found, expected = (error_of_difference(each, metric, 2) for each in (some, whole))
        assert found[:3] == pytest.approx(expected[:3], rel=0.25)  # of the last, few images tell
        assert (score_of(some, metric) == score_of(whole, metric)).all()


def test_within_one_standard_error_the_largest_lambda_is_chosen():
    score, lambdas = np.array([0.90, 0.95, 0.94, 0.92]), np.array([1.0, 2.0, 3.0, 4.0])
    assert choose(score, lambdas) == 1
    assert choose(score, lambdas, error=np.array([1.0, 0.0, 0.02, 0.02])) == 2
    assert choose(score, lambdas, error=np.array([1.0, 0.0, 0.02, 0.05])) == 3
    assert choose(score, lambdas, error=np.zeros(4)) == 1
    converged = np.array([True, True, False, False])
    assert choose(score, lambdas, converged, np.full(4, 0.5)) == 1


def test_samples_keep_to_their_bounds():
    folds = Folds.k(5)
    for n, L_, d in ((100, 3, 10), (10**7, 10, 784), (10**7, 10_000, 784), (10**6, 10, 150_528)):
        sampling = Sampling.of(folds, n, L_, d)
        assert 0 < sampling.images <= sampling.outcomes <= 1
        assert n * sampling.outcomes * L_ <= 2**25 * 1.01
        assert n * sampling.images * d <= 2**26 * 1.01
    assert Sampling.of(folds, 100, 3, 10) == Sampling(0, 1.0, 1.0)
