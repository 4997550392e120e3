"""Scoring many weights at once is a plain loop over images, however the work is cut up."""

from __future__ import annotations

from itertools import pairwise
from operator import mul

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import PANEL_ROWS, confusion_matrix, count_correct, scores
from ridge_spark.ridge.selection import (
    Block,
    Weights,
    choose,
    confusion_of,
    group_correct,
    group_statistics,
)
from ridge_spark.ridge.statistics import Statistics
from tests.support import draw_images

L, D, K = 4, 9, 3


@pytest.fixture(scope="module")
def images():
    return draw_images(3 * PANEL_ROWS + 17, D, K)


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(5)
    return rng.normal(size=(L, D, K)), rng.normal(size=(L, K)) * 100


def classes_by_loop(images, coef, intercept):
    columns = list(zip(coef.T.tolist(), intercept.tolist(), strict=True))
    predicted = []
    for image in images.tolist():
        score = [sum(map(mul, image, column)) + b for column, b in columns]
        predicted.append(score.index(max(score)))
    return np.array(predicted)


def test_counts_are_those_of_a_plain_loop(images, weights):
    pixels, labels = images
    expected = [
        (classes_by_loop(pixels, *one) == labels).sum() for one in zip(*weights, strict=True)
    ]
    assert count_correct(pixels, labels, *weights).tolist() == expected


def test_the_confusion_matrix_is_that_of_a_plain_loop(images, weights):
    pixels, labels = images
    coef, intercept = weights[0][1], weights[1][1]
    expected = np.zeros((K, K), int)
    for label, predicted in zip(labels, classes_by_loop(pixels, coef, intercept), strict=True):
        expected[label, predicted] += 1
    found = confusion_matrix(pixels, labels, coef, intercept)
    assert found.tolist() == expected.tolist()
    assert found.dtype == np.int64


def test_of_equal_scores_the_first_class_wins():
    pixels = np.arange(2 * D, dtype=np.uint8).reshape(2, D)
    coef, intercept = np.ones((1, D, K)), np.zeros((1, K))
    assert count_correct(pixels, np.array([0, 1]), coef, intercept).tolist() == [1]
    assert confusion_matrix(pixels, np.array([2, 1]), coef[0], intercept[0]).tolist() == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
    ]


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_counts_the_same(images, weights, threads):
    one, many = (count_correct(*images, *weights, threads=t) for t in (1, threads))
    assert one.tolist() == many.tolist()
    one, many = (
        confusion_matrix(*images, weights[0][0], weights[1][0], threads=t) for t in (1, threads)
    )
    assert one.tolist() == many.tolist()


@pytest.mark.parametrize("rows", [PANEL_ROWS, 2 * PANEL_ROWS, 10 * PANEL_ROWS])
def test_blocks_that_are_multiples_of_a_panel_give_the_same_bits(images, weights, rows):
    """Panels are then the same, and a product of the same matrices has the same bits."""
    pixels, coef, intercept = images[0], weights[0][0], weights[1][0]

    def by_panels(start, stop):
        return [scores(pixels[i : min(i + PANEL_ROWS, stop)], coef, intercept)
                for i in range(start, stop, PANEL_ROWS)]  # fmt: skip

    whole = np.vstack(by_panels(0, len(pixels)))
    blocks = [np.vstack(by_panels(start, min(start + rows, len(pixels))))
              for start in range(0, len(pixels), rows)]  # fmt: skip
    assert np.vstack(blocks).tobytes() == whole.tobytes()


def cut(pixels, labels, sizes):
    """Blocks of these numbers of rows, and a last one with the rest."""
    edges = [0, *np.cumsum(sizes).tolist(), len(labels)]
    edges = sorted({min(edge, len(labels)) for edge in edges})
    return [Block(first, pixels[first:last], labels[first:last]) for first, last in pairwise(edges)]


@given(st.lists(st.integers(1, 700), max_size=6), st.integers(2, 4))
def test_groups_have_their_own_images_however_they_are_cut(sizes, k):
    pixels, labels = draw_images(800, D, K)
    folds = Folds.k(k, seed=3)
    group_of = folds.assign(0, len(labels))
    blocks = cut(pixels, labels, sizes)
    for group, found in enumerate(group_statistics(blocks, folds, D, K)):
        assert found == Statistics.of(pixels[group_of == group], labels[group_of == group], K)


@given(st.lists(st.integers(1, 700), max_size=6))
def test_only_held_out_images_are_scored_and_by_their_own_candidates(sizes):
    pixels, labels = draw_images(800, D, K)
    folds = Folds.k(3, seed=3)
    group_of = folds.assign(0, len(labels))
    rng = np.random.default_rng(0)
    candidates = {g: Weights(rng.normal(size=(L, D, K)), np.zeros((L, K))) for g in (0, 2)}
    found = group_correct(cut(pixels, labels, sizes), folds, candidates)
    assert found.shape == (3, L)
    assert not found[1].any()
    for group, mine in candidates.items():
        out = group_of == group
        expected = count_correct(pixels[out], labels[out], mine.coef, mine.intercept)
        assert found[group].tolist() == expected.tolist()


def test_the_confusion_of_blocks_is_the_sum_of_theirs(images, weights):
    pixels, labels = images
    one = weights[0][0], weights[1][0]
    whole = confusion_matrix(pixels, labels, *one)
    assert confusion_of(cut(pixels, labels, [1, 1500, 800]), *one).tolist() == whole.tolist()
    assert confusion_of([], *one).tolist() == np.zeros((K, K), int).tolist()


@pytest.mark.parametrize(
    ("correct", "lambdas", "best"),
    [
        ([5, 9, 7], [1, 2, 3], 1),
        ([9, 9, 7], [1, 2, 3], 1),
        ([9, 9, 9], [3, 2, 1], 0),
        ([0], [1], 0),
    ],
)
def test_the_most_correct_lambda_is_chosen_and_of_equals_the_largest(correct, lambdas, best):
    assert choose(np.array(correct), np.array(lambdas)) == best
