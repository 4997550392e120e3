"""Scoring many weights at once is a plain loop over images, however the work is cut up."""

from __future__ import annotations

from itertools import pairwise
from operator import mul

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.choice import choose
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Sampling
from ridge_spark.ridge.scoring import (
    PANEL_ROWS,
    Weights,
    classified_correctly,
    scores,
)
from ridge_spark.ridge.selection import (
    group_statistics,
    judge_on,
    score_held_out,
)
from ridge_spark.ridge.statistics import Statistics
from tests.engines.mapped import listed
from tests.support import draw_images

L, D, K = 4, 9, 3
MANY = 25  # of which three can speak for all


def count_correct(images, labels, weights):
    return classified_correctly(images, labels, weights).sum(axis=0)


def confusion_matrix(images, labels, coef, intercept):
    return confusion_of([Block(0, images, labels)], coef, intercept)


def confusion_of(blocks, coef, intercept, threads=1):
    return judge_on(blocks, coef, intercept, threads=threads).confusion


def scored(blocks, folds, weights, threads=1):
    sampling = Sampling(0, outcomes=0.5, images=0.1)
    return score_held_out(blocks, folds, weights, sampling, threads=threads).in_order()


@pytest.fixture(scope="module")
def images():
    return draw_images(3 * PANEL_ROWS + 17, D, K)


def candidates(number, seed=5):
    """Weights that lie in the span of three, as those of many λ nearly do, but for a little."""
    rng = np.random.default_rng(seed)
    coef = np.tensordot(rng.normal(size=(number, 3)), rng.normal(size=(3, K, D)), axes=1)
    coef += 1e-9 * rng.normal(size=coef.shape)
    return Weights(coef, rng.normal(size=(number, K)) * 100)


@pytest.fixture(scope="module")
def one(images):
    """The weights and intercept of one candidate."""
    weights = candidates(1)
    return weights.coef[0], weights.intercept[0]


def classes_by_loop(images, coef, intercept):
    rows = list(zip(coef.tolist(), intercept.tolist(), strict=True))
    predicted = []
    for image in images.tolist():
        score = [sum(map(mul, image, row)) + b for row, b in rows]
        predicted.append(score.index(max(score)))
    return np.array(predicted)


@pytest.mark.parametrize("number", [1, L, MANY])
def test_counts_are_those_of_a_plain_loop(images, number):
    pixels, labels = images[0][:700], images[1][:700]
    weights = candidates(number)
    assert (weights.float32_filter.combination is not None) == (number == MANY)
    pairs = zip(weights.coef, weights.intercept, strict=True)
    expected = [(classes_by_loop(pixels, *pair) == labels).sum() for pair in pairs]
    assert count_correct(pixels, labels, weights).tolist() == expected


@pytest.mark.parametrize("number", [1, MANY])
@pytest.mark.parametrize("apart", [0, 1e-8, 1e-6, 1e-4])
def test_near_ties_are_decided_as_by_a_plain_product(images, apart, number):
    """Every class has the same weights but for this much: no shortcut may guess."""
    pixels, labels = images
    rng = np.random.default_rng(1)
    coef = rng.normal(size=D) + apart * rng.normal(size=(K, D))
    weights = Weights(np.geomspace(1, 100, number)[:, None, None] * coef, np.zeros((number, K)))
    predicted = scores(pixels, weights.rows, weights.intercept.ravel())
    expected = (predicted.reshape(-1, number, K).argmax(-1) == labels[:, None]).sum(axis=0)
    assert count_correct(pixels, labels, weights).tolist() == expected.tolist()


@pytest.mark.parametrize(("d", "apart"), [(30, 1e-4), (30, 2e-4), (700, 1e-3)])
@pytest.mark.parametrize("number", [3, MANY])
def test_what_the_filter_is_sure_of_is_so(number, d, apart):
    """Against extended precision, with classes so near that many an image is in doubt."""
    pixels, labels = draw_images(2000, d, K)
    rng = np.random.default_rng(3)
    mixed = np.tensordot(rng.normal(size=(number, 3)), rng.normal(size=(3, K, d)), axes=1)
    coef = rng.normal(size=(1, 1, d)) + apart * mixed
    intercept = apart * rng.normal(size=(number, K))
    surely_correct, in_doubt = Weights(coef, intercept).float32_filter.decide(pixels, labels)
    found = (
        pixels.astype(np.longdouble) @ coef.swapaxes(1, 2).astype(np.longdouble)
        + intercept[:, None]
    )
    truth = (found.argmax(-1) == labels).T
    assert 0.01 < in_doubt.mean() < 0.9
    assert (truth == surely_correct)[~in_doubt].all()
    assert not surely_correct[in_doubt].any()


@pytest.mark.parametrize("number", [1, MANY])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6, 1e-25, 1e30])
def test_numbers_of_any_kind_are_scored_as_they_are(number, scale):
    """Fractions, negative ones, and those whose squares leave float32's range on either side."""
    rng = np.random.default_rng(2)
    X, labels = scale * rng.normal(size=(700, D)), rng.integers(0, K, 700)
    weights = candidates(number)
    weights = Weights(weights.coef / scale, weights.intercept / 100)
    found = X @ weights.rows.T + weights.intercept.ravel()
    predicted = found.reshape(-1, number, K).argmax(-1)
    expected = (predicted == labels[:, None]).sum(axis=0)
    assert count_correct(X, labels, weights).tolist() == expected.tolist()
    matrix = confusion_matrix(X, labels, weights.coef[0], weights.intercept[0])
    assert matrix.trace() == expected[0]


def test_the_confusion_matrix_is_that_of_a_plain_loop(images, one):
    pixels, labels = images
    expected = np.zeros((K, K), int)
    for label, predicted in zip(labels, classes_by_loop(pixels, *one), strict=True):
        expected[label, predicted] += 1
    found = confusion_matrix(pixels, labels, *one)
    assert found.tolist() == expected.tolist()
    assert found.dtype == np.int64


@pytest.mark.parametrize("number", [1, MANY])
def test_of_equal_scores_the_first_class_wins(number):
    pixels = np.arange(2 * D, dtype=np.uint8).reshape(2, D)
    coef, intercept = np.ones((number, K, D)), np.zeros((number, K))
    found = count_correct(pixels, np.array([0, 1]), Weights(coef, intercept))
    assert found.tolist() == [1] * number
    assert confusion_matrix(pixels, np.array([2, 1]), coef[0], intercept[0]).tolist() == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
    ]


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("number", [L, MANY])
def test_any_number_of_threads_counts_the_same(images, one, number, threads):
    blocks, folds = cut(*images, [700, 30]), Folds.k(2)
    weights = {group: candidates(number, seed=group) for group in (0, 1)}
    first, second = (scored(blocks, folds, weights, threads=t) for t in (1, threads))
    assert listed(first) == listed(second)
    first, second = (confusion_of(blocks, *one, threads=t) for t in (1, threads))
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("rows", [PANEL_ROWS, 2 * PANEL_ROWS, 10 * PANEL_ROWS])
def test_blocks_that_are_multiples_of_a_panel_give_the_same_bits(images, one, rows):
    """Panels are then the same, and a product of the same matrices has the same bits."""
    pixels, (coef, intercept) = images[0], one

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
    weights = {group: candidates(L, seed=group) for group in (0, 2)}
    found = scored(cut(pixels, labels, sizes), folds, weights)
    assert found.correct.shape == (3, K, L)
    assert not found.correct[1].any()
    assert not found.n[1].any()
    right = np.empty((len(labels), L), bool)
    for group, mine in weights.items():
        out = group_of == group
        right[out] = classified_correctly(pixels[out], labels[out], mine)
        for label in range(K):
            of_class = out & (labels == label)
            assert found.n[group, label] == of_class.sum()
            assert found.correct[group, label].tolist() == right[of_class].sum(axis=0).tolist()

    outcomes, shown = found.outcomes, found.images
    assert 200 < len(outcomes.row) < 330  # half of the images of two groups of three
    assert 20 < len(shown.row) < 90
    assert set(shown.row) <= set(outcomes.row)
    assert outcomes.label.tolist() == labels[outcomes.row].tolist()
    assert outcomes.right.tolist() == right[outcomes.row].tolist()
    assert shown.image.tolist() == pixels[shown.row].tolist()
    assert shown.group.tolist() == group_of[shown.row].tolist()
    assert listed(found) == listed(scored(cut(pixels, labels, []), folds, weights))


def test_the_confusion_of_blocks_is_the_sum_of_theirs(images, one):
    pixels, labels = images
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


def test_a_tie_is_decided_alike_however_many_images_are_scored_beside_it():
    """Two classes that score the same but for rounding: as for an image that has both labels."""
    random = np.random.default_rng(3)
    image = random.integers(1, 256, 700).astype(np.uint8)
    across = random.normal(size=(2 * K, 700))
    across -= np.outer(across @ image, image) / np.vdot(1.0 * image, image)
    coef = (across + random.normal(size=700)).reshape(2, K, 700)
    weights = Weights(coef, np.zeros((2, K)))
    alone = count_correct(image[None], np.zeros(1, int), weights)
    for n in range(2, 70):
        together = count_correct(np.tile(image, (n, 1)), np.zeros(n, int), weights)
        assert (together == n * alone).all(), n
