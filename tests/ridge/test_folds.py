"""An image's fold is a function of the seed and its row number, and never changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridge_spark.ridge.folds import Folds

seeds = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("folds", "expected"),
    [
        (
            Folds.holdout(0.2, 0),
            [1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1],
        ),
        (
            Folds.holdout(0.2, 7),
            [1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1],
        ),
        (Folds.k(5, 0), [3, 0, 2, 4, 1, 0, 4, 0, 2, 4, 2, 2, 2, 3, 0, 2, 2, 0, 4, 4, 2, 3, 2, 4]),
        (Folds.k(3, -1), [1, 1, 0, 0, 0, 0, 2, 0, 0, 2, 2, 2, 2, 1, 2, 1, 2, 1, 0, 0, 1, 1, 2, 2]),
    ],
)
def test_the_split_is_the_one_it_has_always_been(folds, expected):
    assert folds.assign(0, 24).tolist() == expected


def split_mix(seed: int, row: int) -> float:
    """The hash in Python integers: SplitMix64 of (SplitMix64 of the seed, plus the row)."""

    def mix(x: int) -> int:
        x = (x + 0x9E3779B97F4A7C15) % 2**64
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    return (mix((mix(seed % 2**64) + row) % 2**64) >> 11) / 2**53


@given(seeds, st.integers(0, 2**40), st.integers(2, 100))
def test_it_is_the_hash_it_says_it_is(seed, row, k):
    (fold,) = Folds.k(k, seed).assign(row, 1)
    assert fold == min(int(split_mix(seed, row) / (1 / k)), k - 1)


@given(seeds, st.integers(2, 12), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_it_does_not_depend_on_how_the_images_are_cut_into_blocks(seed, k, sizes):
    folds = Folds.k(k, seed)
    starts = np.cumsum([0, *sizes])
    blocks = [folds.assign(int(start), size) for start, size in zip(starts, sizes, strict=False)]
    assert np.concatenate(blocks).tolist() == folds.assign(0, sum(sizes)).tolist()


@given(seeds, st.floats(1e-300, 1, exclude_max=True))
def test_every_image_is_in_a_group(seed, fraction):
    """However small the share that is held out."""
    assert set(Folds.holdout(fraction, seed).assign(0, 500).tolist()) <= {0, 1}


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.9])
def test_a_holdout_holds_out_its_share(fraction):
    n = 200_000
    held_out = (Folds.holdout(fraction).assign(0, n) == 0).mean()
    assert abs(held_out - fraction) < 4 * np.sqrt(fraction * (1 - fraction) / n)


@pytest.mark.parametrize("k", [2, 5, 10, 100])
def test_folds_have_equal_shares(k):
    n = 200_000
    sizes = np.bincount(Folds.k(k).assign(0, n), minlength=k)
    assert len(sizes) == k
    assert np.abs(sizes / n - 1 / k).max() < 5 * np.sqrt((k - 1) / n) / k


def test_folds_are_held_out_in_turn_and_a_holdout_once():
    assert (Folds.k(5).groups, Folds.k(5).held_out) == (5, 5)
    assert (Folds.holdout(0.2).groups, Folds.holdout(0.2).held_out) == (2, 1)


@given(seeds, seeds)
def test_different_seeds_hold_out_different_images(one, other):
    same = np.mean(Folds.k(2, one).assign(0, 4000) == Folds.k(2, other).assign(0, 4000))
    assert same == 1 if one == other else 0.4 < same < 0.6
