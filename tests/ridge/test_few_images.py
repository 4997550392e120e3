"""Fewer images than pixels: the space they span, and that all is solved in it."""

from __future__ import annotations

import numpy as np
import pytest

from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.few_images import FewImagesSolver, are_few, pivoted_cholesky
from ridge_spark.ridge.solvers import SOLVERS, factorise, solve
from ridge_spark.ridge.statistics import Statistics
from tests.ridge.problems import noise_images, problem


def test_images_are_few_that_have_more_than_two_pixels_each():
    assert not are_few(20, 40)
    assert are_few(20, 41)


def test_constant_pixels_do_not_count():
    images, labels = noise_images(60, 110, 3)
    bordered = np.hstack([images, np.zeros((60, 110), np.uint8)])
    solver = factorise(centre(Statistics.of(bordered, labels, 3)), "tridiagonal")
    assert not isinstance(solver, FewImagesSolver)


@pytest.mark.parametrize("condition", [1, 1e3, 1e6])
def test_the_factor_is_all_of_the_matrix_and_no_larger_than_its_rank(condition):
    gram = problem(40, 200, condition).system().gram
    negligible = 200 * np.finfo(float).eps * np.linalg.norm(gram)
    L = pivoted_cholesky(gram, 100, negligible)
    assert L.shape == (200, 39)
    assert np.linalg.norm(L @ L.T - gram) < 2 * negligible


def test_no_more_of_the_matrix_is_looked_at_than_its_rank():
    gram = problem(40, 200, 10).system().gram
    seen = []

    class Watched(np.ndarray):
        def __getitem__(self, row):
            seen.append(row)
            return np.asarray(self)[row]

    assert pivoted_cholesky(gram.view(Watched), 39, 0.0).shape == (200, 39)
    assert len(set(seen)) == 39


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_solver_ever_gets_a_system_larger_than_the_images_span(monkeypatch, solver):
    sizes = []
    original = SOLVERS[solver]
    monkeypatch.setitem(
        SOLVERS, solver, lambda system: sizes.append(len(system.gram)) or original(system)
    )
    solution = solve(problem(20, 90, 10).system(), np.array([0.1, 1.0]), solver)
    assert sizes == [19]
    assert solution.rank == 19
