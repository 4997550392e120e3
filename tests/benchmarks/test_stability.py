"""What docs/stability.md says of the solvers holds: so many digits, or a warning."""

from __future__ import annotations

import pytest

from benchmarks.stability import EPSILON, Found, measure, table
from ridge_spark.ridge.solvers import SOLVERS


@pytest.fixture(scope="module")
def found() -> list[Found]:
    return measure((0, 6, 12, 16), seeds=1)


def test_what_is_not_told_to_be_singular_has_the_digits_that_float64_gives(found):
    untold = [each for each in found if not each.told]
    assert {each.power for each in untold} >= {0, 6}
    for each in untold:
        assert each.error < 100 * 10.0**each.power * EPSILON, each


def test_where_no_digit_is_left_it_is_told(found):
    for each in found:
        assert each.told or each.error < 0.5, each
    assert all(each.told for each in found if each.power == 16)


def test_the_table_has_a_row_for_each_condition_number(found):
    lines = table(found, "λ = 0").splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["10^0", "10^6", "10^12", "10^16"]
    assert lines[0].split("|")[2:-1] == [f" {name} " for name in SOLVERS]
    assert "(" in lines[-1]
