"""What a person reads of a search: all of it, or the best λ and its neighbours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ridge_spark.runs.result import BY_GCV, KEPT, Result, Update
from ridge_spark.runs.summary import table


def searched(L: int, best: int) -> Result:
    lambdas = tuple(float(i) for i in range(1, L + 1))
    accuracy = tuple(0.9 if i == best else 0.5 for i in range(L))
    return Result(
        engine="local", runtime="local", whole_x=False, dataset="d", n_train=10, n_validation=5,
        n_test=0, d=4, classes=("a", "b"), lambdas=lambdas, validation_accuracy=accuracy,
        gcv=(1.0,) * L, best_lambda=lambdas[best], test_accuracy=None,
        confusion=((0, 0), (0, 0)), statistics_sha256="0" * 64, model_sha256="0" * 64,
        solver="cholesky", seed=0, folds=1, blocks=1, workers=1, threads=1, peak_rss_mb=1.0,
        seconds={"total": 1.0}, started="", stages=(), tasks=(), command="", versions={},
        warnings=(),
    )  # fmt: skip


def rows(result: Result) -> list[str]:
    lines = table(result, "out").split("\n")
    return lines[1 : lines.index("")]


@pytest.mark.parametrize("L", [1, 20])
def test_few_are_all_there(L):
    shown = rows(searched(L, 0))
    assert [float(row.split()[0]) for row in shown] == [*range(1, L + 1)]
    assert shown[0].endswith("<- best")


@pytest.mark.parametrize(
    ("best", "first", "last"), [(0, 1, 11), (3, 1, 11), (50, 46, 56), (99, 90, 100)]
)
def test_of_many_the_best_and_its_neighbours(best, first, last):
    shown = rows(searched(100, best))
    numbers = [float(row.split()[0]) for row in shown if "..." not in row]
    assert numbers == [*range(first, last + 1)]
    left = [int(row.split()[1]) for row in shown if "..." in row]
    assert sum(left) + len(numbers) == 100
    assert [row.split()[0] for row in shown if "<- best" in row] == [str(best + 1)]


@pytest.mark.parametrize(("origin", "marks"), [(KEPT, 0), (BY_GCV, 1)])
def test_a_kept_lambda_is_no_choice(origin, marks):
    updated = Update(run="r", statistics_sha256="0" * 64, changes=(), lambda_=origin)
    shown = table(replace(searched(10, 4), update=updated), "out")
    assert shown.count("<-") == marks
    assert f"5, {origin}" in shown
