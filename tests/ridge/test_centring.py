"""Centring the integers is exact: it is held against fractions, up to the largest statistics."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import MOST_IMAGES, centre
from ridge_spark.ridge.float_statistics import FloatStatistics
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.statistics import Statistics

EPS = Fraction(2) ** -53  # half the distance from 1 to the next float64


def exact(statistics: Statistics):
    """Xc'Xc, Xc'Yc and diag(Yc'Yc) over all pixels, as fractions."""
    n = statistics.n
    counts, sums = statistics.counts.tolist(), statistics.sums.tolist()
    pixel = [sum(column) for column in zip(*sums, strict=True)]
    gram = [
        [value - Fraction(pixel[i] * pixel[j], n) for j, value in enumerate(row)]
        for i, row in enumerate(statistics.gram.tolist())
    ]
    cross = [
        [2 * (sums[k][j] - Fraction(pixel[j] * counts[k], n)) for k in range(len(counts))]
        for j in range(len(pixel))
    ]
    return gram, cross, [4 * Fraction(count * (n - count), n) for count in counts]


def assert_rounded(found, expected):
    """Every value is the exact one but for the rounding of a fraction and of the result."""
    for value, fraction in zip(np.ravel(found).tolist(), np.ravel(expected), strict=True):
        assert abs(Fraction(value) - fraction) <= 2 * EPS * (1 + abs(fraction))


def assert_centred_exactly(statistics: Statistics):
    system = centre(statistics)
    gram, cross, target_ss = (np.array(array, object) for array in exact(statistics))
    varying = [j for j in range(statistics.d) if gram[j][j] != 0]
    assert system.active.tolist() == varying
    assert_rounded(system.gram, gram[np.ix_(varying, varying)])
    assert_rounded(system.cross, cross[varying])
    for value, fraction in zip(system.target_ss.tolist(), target_ss, strict=True):
        assert abs(Fraction(value) - fraction) <= 4 * EPS * fraction


@st.composite
def weighted_images(draw):
    """Statistics of a few images, each of them seen up to a thousand million times."""
    d, classes = draw(st.integers(1, 5)), draw(st.integers(2, 3))
    distinct = draw(st.integers(1, 4))
    times = draw(st.lists(st.one_of(st.integers(1, 3), st.integers(1, MOST_IMAGES // 4)),
                          min_size=distinct, max_size=distinct))  # fmt: skip
    total = Statistics.zeros(classes, d)
    for repeats in times:
        pixels = st.one_of(st.sampled_from([0, 255]), st.integers(0, 255))
        image = np.array(draw(st.lists(pixels, min_size=d, max_size=d)), np.int64)
        label = draw(st.integers(0, classes - 1))
        total.counts[label] += repeats
        total.sums[label] += repeats * image
        total.gram[:] += repeats * np.outer(image, image)
    return total


@given(weighted_images())
def test_centring_is_exact(statistics):
    assert_centred_exactly(statistics)


@pytest.mark.parametrize("black", [1, MOST_IMAGES // 2, MOST_IMAGES // 2 - 1, MOST_IMAGES - 1])
def test_the_largest_statistics_do_not_overflow(black):
    """Four billion images, each either all black or all white but for one grey pixel."""
    white = MOST_IMAGES - black
    image = np.array([255, 255, 254, 1])
    statistics = Statistics(
        np.array([black, white]),
        np.stack([np.zeros(4, np.int64), white * image]),
        white * np.outer(image, image),
    )
    assert_centred_exactly(statistics)


@pytest.mark.parametrize("n", [0, MOST_IMAGES + 1])
def test_too_many_images_or_none_are_refused(n):
    with pytest.raises(InputError, match=f"{n} images"):
        centre(Statistics(np.array([n, 0]), np.zeros((2, 3), np.int64), np.zeros((3, 3), np.int64)))


def test_constant_pixels_are_left_out_and_get_no_weight():
    """Whatever their value; a pixel that differs in a single image is no constant one."""
    images = np.full((1000, 4), [0, 137, 255, 255], np.uint8)
    images[5, 3] = 254
    system = centre(Statistics.of(images, np.arange(1000) % 2, 2))
    assert system.active.tolist() == [3]
    coef, intercept = system.to_pixels(np.array([[2.0], [-2.0]]))
    assert coef.tolist() == [[0, 0, 0, 2], [0, 0, 0, -2]]
    assert intercept == pytest.approx(system.target_mean - system.mean[3] * np.array([2, -2]))


def test_images_that_are_all_the_same_leave_nothing():
    system = centre(Statistics.of(np.full((3, 2), 9, np.uint8), np.array([0, 0, 1]), 2))
    assert system.gram.shape == (0, 0)
    coef, intercept = system.to_pixels(np.zeros((2, 0)))
    assert coef.tolist() == [[0, 0], [0, 0]]
    assert intercept == pytest.approx([1 / 3, -1 / 3])


def test_a_large_matrix_is_centred_in_parts_as_a_small_one():
    """More pixels than are centred at a time."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (50, 600), dtype=np.uint8), rng.integers(0, 3, 50)
    system = centre(Statistics.of(images, labels, 3))
    Xc = images - images.mean(axis=0)
    np.testing.assert_allclose(system.gram, Xc.T @ Xc, rtol=1e-12, atol=1e-7)
    assert (system.gram == system.gram.T).all()


def test_floats_are_centred_as_the_integers_are():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (200, 6), dtype=np.uint8), rng.integers(0, 3, 200)
    images[:, 2] = 77
    integers = centre(Statistics.of(images, labels, 3))
    groups = FloatStatistics.of_groups(images.astype(float), labels, Folds.k(3), 3)
    floats = FloatStatistics.sum(groups).centre()
    assert floats.active.tolist() == integers.active.tolist() == [0, 1, 3, 4, 5]
    for name in ("gram", "cross", "target_ss", "mean", "target_mean"):
        found, expected = getattr(floats, name), getattr(integers, name)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("huge", [0.0, 1e9])
@pytest.mark.parametrize("at", [0.0, 1e5])
def test_what_is_left_without_a_group_knows_nothing_of_it(at, huge):
    """Taken out of a total by subtraction, a huge value would leave its rounding error behind."""
    rng = np.random.default_rng(0)
    X, labels, folds = rng.normal(size=(600, 5)) + at, np.arange(600) % 3, Folds.k(4)
    group_of = folds.assign(0, len(X))
    X[group_of.tolist().index(2)] += huge
    groups = FloatStatistics.of_groups(X, labels, folds, 3)
    left = FloatStatistics.sum([*groups[:2], *groups[3:]]).centre()
    kept = X[group_of != 2]
    Xc = kept - kept.mean(axis=0)
    np.testing.assert_allclose(left.gram, Xc.T @ Xc, rtol=1e-10, atol=1e-10 * len(kept))
    np.testing.assert_allclose(left.mean, kept.mean(axis=0), atol=1e-14 * (1 + at))


@pytest.mark.parametrize("constant", [0, 3])
def test_the_bits_do_not_depend_on_threads(constant):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 290), dtype=np.uint8)
    images[:, :constant] = 7
    labels = rng.integers(0, 3, 300)
    statistics, some = (Statistics.of(images[i:], labels[i:], 3) for i in (0, 200))
    for without in (None, some):
        one, three = (centre(statistics, without, threads=threads).gram for threads in (1, 3))
        assert np.array_equal(one, three)
        assert np.array_equal(one, one.T)
        assert len(one) == 290 - constant
