"""Statistics as triangles: the same numbers as squares, whatever is done with them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.kernel.upper import STRIP_ROWS, Upper
from ridge_spark.ridge.packed import PackedStatistics
from ridge_spark.ridge.statistics import Statistics


def some(seed: int, n: int, d: int) -> Statistics:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, d), dtype=np.uint8)
    images[:, random.random(d) < 0.3] = 9  # constant pixels, which centring leaves out
    return Statistics.of(images, random.integers(0, 3, n), 3)


@pytest.mark.parametrize("d", [1, 70, STRIP_ROWS, STRIP_ROWS + 1, 2 * STRIP_ROWS + 30])
@pytest.mark.parametrize("threads", [1, 3])
def test_centred_they_are_the_same_to_the_last_bit(d: int, threads: int) -> None:
    whole = some(d, 40, d)
    expected, found = centre(whole), centre(PackedStatistics.of(whole), threads=threads)
    for name in ("n", "gram", "cross", "target_ss", "active", "mean", "target_mean"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


@settings(max_examples=10)
@given(st.integers(1, 900), st.integers(0, 2**32))
def test_they_add_and_subtract_as_squares_do(d: int, seed: int) -> None:
    a, b = some(seed, 9, d), some(seed + 1, 5, d)
    both = PackedStatistics.of(a) + PackedStatistics.of(b)
    assert (both.n, both.d, both.classes) == (14, d, 3)
    assert both.unpacked() == a + b
    assert (both - PackedStatistics.of(b)).unpacked() == a
    assert pickle.loads(pickle.dumps(both)).unpacked() == a + b
    mine = PackedStatistics.of(a)
    mine += PackedStatistics.of(b)
    assert mine.unpacked() == a + b


def test_beyond_32_bits_and_back() -> None:
    gram = np.full((3, 3), 2**32 - 1, np.int64)
    one = Upper.of(gram)
    two = one + one
    assert (one.strips[0].dtype, two.strips[0].dtype) == (np.uint32, np.int64)
    assert np.array_equal(two.square(), 2 * gram)
    assert np.array_equal((two - one).square(), gram)
    assert np.array_equal(one.square(), gram)  # what was added up is as it was
    assert two.diagonal().tolist() == [2 * (2**32 - 1)] * 3


def test_images_that_were_not_in_cannot_be_taken_out() -> None:
    few, many = PackedStatistics.of(some(0, 5, 20)), PackedStatistics.of(some(1, 50, 20))
    with pytest.raises(InputError, match="not all part of these"):
        few - many
