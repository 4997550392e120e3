"""All solvers against problems whose answer is known, against each other and by their cost."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import DIRECT, choose_solver, solve
from ridge_spark.ridge.statistics import Statistics
from tests.ridge.problems import noise_images, problem

EPS = np.finfo(float).eps
GRID = np.array([1e-9, 1e-5, 1e-3, 0.1, 1, 10, 1e3, 1e5])

every = pytest.mark.parametrize("solver", DIRECT)
shapes = pytest.mark.parametrize(("n", "d"), [(200, 30), (31, 30), (20, 35), (20, 60)],
                                 ids=["long", "square", "wide", "few"])  # fmt: skip


def error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@every
@shapes
@pytest.mark.parametrize("condition", [1, 10, 1e3, 1e5])
def test_the_known_answer_at_every_lambda(solver, n, d, condition):
    """The normal equations square the condition number; at λ > 0 it is that of the shifted X'X."""
    known = problem(n, d, condition)
    solution = solve(known.system(), GRID, solver)
    for lam, coef in zip(GRID, solution.weights()[0], strict=True):
        smallest = 0 if d > n - 1 else known.s[-1] ** 2
        squared = (known.s[0] ** 2 + n * lam) / (smallest + n * lam)
        assert error(coef.T, known.weights(lam)) < 20 * EPS * squared
    assert not solution.singular.any()


@every
@pytest.mark.parametrize("condition", [1, 10, 1e3, 1e6])
def test_no_penalty_is_least_squares(solver, condition):
    known = problem(200, 30, condition)
    solution = solve(known.system(), np.array([0.0]), solver)
    assert error(solution.weights()[0][0].T, known.T) < 20 * EPS * condition**2
    assert not solution.singular.any()


@shapes
@pytest.mark.parametrize("condition", [1, 10, 1e3])
def test_all_solvers_say_the_same(n, d, condition):
    system = problem(n, d, condition).system()
    eigen, *others = (solve(system, GRID[2:], name) for name in sorted(DIRECT, key="eigen".__ne__))
    for other in others:
        np.testing.assert_allclose(other.weights()[0], eigen.weights()[0], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(other.weights()[1], eigen.weights()[1], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(other.gcv, eigen.gcv, rtol=1e-7)


@every
@shapes
@pytest.mark.parametrize("condition", [1, 1e3])
def test_gcv_is_that_of_the_hat_matrix(solver, n, d, condition):
    known = problem(n, d, condition)
    grid = GRID[2:]
    expected = [known.gcv(lam) for lam in grid]
    np.testing.assert_allclose(solve(known.system(), grid, solver).gcv, expected, rtol=1e-6)


@every
@pytest.mark.parametrize("d", [35, 60])
def test_gcv_of_more_pixels_than_images_is_right_down_to_the_smallest_lambda(solver, d):
    """Both of its parts go to zero there: rounding must not make a perfect model of nothing."""
    known = problem(20, d, 10, noise=0)
    grid = np.geomspace(1e-14, 1e-2, 13)
    unfitted = 20 * grid[:, None] / (known.s**2 + 20 * grid[:, None])
    residual = ((unfitted * known.s) ** 2 @ (known.V.T @ known.T) ** 2).sum(axis=1)
    expected = 20 * residual / unfitted.sum(axis=1) ** 2
    np.testing.assert_allclose(solve(known.system(), grid, solver).gcv, expected, rtol=1e-6)


@every
@pytest.mark.parametrize("d", [35, 60])
def test_gcv_says_nothing_where_no_freedom_is_left(solver, d):
    assert solve(problem(20, d, 10).system(), np.array([0.0]), solver).gcv.tolist() == [np.inf]


@every
def test_images_stacked_twice_change_nothing(solver):
    """λ is per image, so that twice the images need no other λ."""
    images, labels = noise_images(300, 12, 3)
    once = Statistics.of(images, labels, 3)
    grid = np.logspace(-5, 5, 10)
    first, second = (solve(centre(statistics), grid, solver) for statistics in (once, once + once))
    np.testing.assert_allclose(second.weights()[0], first.weights()[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(second.weights()[1], first.weights()[1], rtol=1e-12)


@every
def test_the_order_of_the_pixels_only_orders_the_weights(solver):
    images, labels = noise_images(300, 12, 3)
    order = np.random.default_rng(1).permutation(12)
    grid = np.array([1e-3, 1e3])
    plain = solve(centre(Statistics.of(images, labels, 3)), grid, solver)
    mixed = solve(centre(Statistics.of(images[:, order], labels, 3)), grid, solver)
    np.testing.assert_allclose(
        mixed.weights()[0], plain.weights()[0][..., order], rtol=1e-11, atol=1e-15
    )


@every
def test_a_solution_has_the_grid_s_order_and_shapes(solver):
    system = problem(50, 8, 10, k=4).system()
    solution = solve(system, np.array([10.0, 0.1, 1.0]), solver)
    assert solution.weights()[0].shape == (3, 4, 8)
    assert solution.weights()[1].shape == (3, 4)
    for i, lam in enumerate([10.0, 0.1, 1.0]):
        alone = solve(system, np.array([lam]), solver)
        np.testing.assert_allclose(solution.weights_at(i)[0], alone.weights_at(0)[0], rtol=1e-12)
        np.testing.assert_allclose(solution.gcv[i], alone.gcv[0], rtol=1e-12)


@every
@pytest.mark.parametrize("d", [35, 60])
def test_a_solution_gives_the_weights_of_one_lambda_alone_and_travels(solver, d):
    known = problem(20, d, 10)
    grid = np.array([10.0, 0.0, 1e-18, 1.0])  # two of them singular: another solver's work
    solution = solve(known.system(), grid, solver)
    whole = solution.weights()
    arrived = pickle.loads(pickle.dumps(solution.stored()))
    for name in ("gcv", "singular", "rank"):
        np.testing.assert_array_equal(getattr(arrived, name), getattr(solution, name))
    for found, expected in zip(arrived.weights(), whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    for i in range(len(grid)):
        for found, expected in zip(solution.weights_at(i), whole, strict=True):
            np.testing.assert_allclose(found, expected[i], rtol=1e-9, atol=1e-12)
    assert solution.singular.tolist() == [False, True, True, False]
    coef = solution.weights_at(3)[0]
    np.testing.assert_allclose(coef.T, known.weights(1.0), rtol=1e-9, atol=1e-12)


@every
@pytest.mark.parametrize("d", [10, 60])
def test_the_figures_of_a_lambda_are_the_same_bits_in_any_grid(solver, d):
    """Tasks which each solve a part of the grid tell what one that solves all of it does."""
    system = problem(20, d, 1e3).system()
    grid = np.array([10.0, 0.0, 1e-18, 1e-9, 1.0, 0.1])
    whole = solve(system, grid, solver)
    parts = Solution.join([solve(system, grid[i : i + 1], solver) for i in range(len(grid))])
    assert parts.gcv.tobytes() == whole.gcv.tobytes()
    assert parts.singular.tolist() == whole.singular.tolist()


@every
def test_no_varying_pixel_at_all_is_the_class_shares_alone(solver, capfd):
    system = centre(Statistics.of(np.full((4, 3), 7, np.uint8), np.array([0, 0, 0, 1]), 2))
    solution = solve(system, np.array([0.0, 1.0]), solver)
    coef, intercept = solution.weights()
    assert not coef.any()
    assert intercept.tolist() == [[0.5, -0.5]] * 2
    assert capfd.readouterr() == ("", "")  # LAPACK prints what it finds amiss


class TestCostModel:
    def test_a_wide_search_on_one_worker_factorises_once(self):
        assert choose_solver(60_000, 784, lambdas=100, systems=2, workers=1) == "tridiagonal"

    def test_one_lambda_is_one_cholesky(self):
        assert choose_solver(60_000, 784, lambdas=1, systems=1, workers=1) == "cholesky"

    def test_small_matrices_do_not_travel(self):
        assert choose_solver(60_000, 784, lambdas=10, systems=2, workers=64) == "tridiagonal"

    @pytest.mark.parametrize("d", [784, 4096])
    @pytest.mark.parametrize("lambdas", [1, 2, 3, 10])
    def test_of_small_matrices_every_engine_makes_the_same_model(self, d, lambdas):
        chosen = {choose_solver(60_000, d, lambdas, 2, workers) for workers in (1, 2, 64)}
        assert len(chosen) == 1

    def test_large_matrices_are_shared_out(self):
        assert choose_solver(60_000, 20_000, lambdas=10, systems=2, workers=64) == "cholesky"

    def test_few_images_are_a_small_matrix_whatever_their_pixels(self):
        assert choose_solver(500, 20_000, lambdas=10, systems=2, workers=64) == "tridiagonal"

    @pytest.mark.parametrize("d", [100, 5000, 50_000])
    def test_more_lambdas_never_speak_for_cholesky(self, d):
        grids = 1, 10, 100, 1000, 10_000
        chosen = [choose_solver(60_000, d, lambdas, 2, 16) for lambdas in grids]
        assert chosen == sorted(chosen)  # "cholesky" comes first, then "tridiagonal"
        assert chosen[-1] == "tridiagonal"
