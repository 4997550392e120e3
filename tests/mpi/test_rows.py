"""Ranges of rows: nothing is lost, nothing comes twice, parts are even."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_hybrid.rows import Rows, count, joined, missing, partition, pieces, within

TOTAL = 200

some_rows = st.sets(st.integers(0, TOTAL - 1))


def ranges(numbers: set[int]) -> Rows:
    return joined((number, number + 1) for number in numbers)


def numbers(rows: Rows) -> list[int]:
    return [number for start, stop in rows for number in range(start, stop)]


@given(some_rows)
def test_joined_rows_are_the_same_rows_in_few_ranges(done: set[int]) -> None:
    rows = ranges(done)
    assert numbers(rows) == sorted(done)
    assert count(rows) == len(done)
    assert all(stop < start for (_, stop), (start, _) in pairwise(rows))


@given(some_rows)
def test_what_is_missing_is_the_rest(done: set[int]) -> None:
    assert set(numbers(missing(ranges(done), TOTAL))) == set(range(TOTAL)) - done


@given(some_rows, st.integers(1, 9))
def test_parts_are_even_and_together_everything(done: set[int], parts: int) -> None:
    rows = ranges(done)
    dealt = [partition(rows, part, parts) for part in range(parts)]
    assert [number for part in dealt for number in numbers(part)] == sorted(done)
    sizes = [count(part) for part in dealt]
    assert max(sizes) - min(sizes) <= 1


@given(some_rows, st.integers(1, 50))
def test_pieces_are_the_rows_in_order(done: set[int], most: int) -> None:
    cut = list(pieces(ranges(done), most))
    assert numbers(cut) == sorted(done)
    assert all(stop - start <= most for start, stop in cut)


def test_a_row_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="row 5 twice"):
        joined([(5, 7), (0, 6)])


@given(some_rows, st.integers(0, TOTAL), st.integers(0, TOTAL))
def test_rows_within_bounds(done: set[int], start: int, stop: int) -> None:
    kept = numbers(within(ranges(done), start, stop))
    assert kept == [number for number in sorted(done) if start <= number < stop]
