"""One subspace for all λ: known answers, residuals told, and nothing chosen unconverged."""

from __future__ import annotations

import numpy as np
import pytest

from ridge_spark import RidgeClassifier
from ridge_spark.errors import InputError
from ridge_spark.ridge import krylov, solvers
from ridge_spark.ridge.choice import choose
from ridge_spark.ridge.factor import Factor
from ridge_spark.ridge.fallback import EigenFallback
from ridge_spark.ridge.krylov import KrylovSolver, cells
from ridge_spark.ridge.solvers import choose_solver, solve_systems
from ridge_spark.ridge.subspace import Subspace
from tests.ridge.problems import noise_images, problem

GRID = np.array([1e-3, 1e5, 1.0, 30.0, 1e-1])


def solved(system, lambdas):
    return EigenFallback(system, KrylovSolver).solve(lambdas)


@pytest.fixture
def precisions(monkeypatch):
    """The precision of every factor that is made."""
    made, of = [], Factor.of.__func__

    def counting(cls, gram, shift, precision, room):
        made.append(precision)
        return of(cls, gram, shift, precision, room)

    monkeypatch.setattr(Factor, "of", classmethod(counting))
    return made


@pytest.mark.parametrize("condition", [1, 10, 1e3])
@pytest.mark.parametrize(("n", "d"), [(300, 80), (90, 90), (60, 100)])
def test_weights_are_those_of_the_known_answer(n, d, condition):
    known = problem(n, d, condition)
    solution = solved(known.system(), GRID)
    assert solution.is_converged().all()
    assert (solution.residual <= krylov.CONVERGED).all()
    for i, lam in enumerate(GRID):
        expected, found = known.weights(lam), solution.weights_at(i)[0].T
        wrong_by = np.linalg.norm(found - expected, axis=0)
        assert (wrong_by <= krylov.WEIGHTS * np.linalg.norm(expected, axis=0)).all()


def test_the_residual_is_that_of_the_weights():
    known = problem(300, 80, 100)
    system = known.system()
    solution = solved(system, GRID)
    for i, lam in enumerate(GRID):
        W = solution.weights_at(i)[0].T
        left = system.cross - system.gram @ W - system.n * lam * W
        measured = np.linalg.norm(left) / np.linalg.norm(system.cross)
        assert measured <= 2 * solution.residual[i] + 1e-13


def test_neighbours_on_the_grid_share_a_factor(precisions):
    known, grid = problem(800, 400, 1e4), np.geomspace(1e-6, 1, 100)
    solved(known.system(), grid[::11])
    few = len(precisions)
    precisions.clear()
    coef, _ = solved(known.system(), grid).weights()
    for lam, found in zip(grid, coef, strict=True):
        wrong_by = np.linalg.norm(found.T - known.weights(lam))
        assert wrong_by <= krylov.WEIGHTS * np.linalg.norm(known.weights(lam))
    assert len(precisions) <= few + 2
    assert set(precisions) == {np.float32}


def test_where_float32_is_too_coarse_a_factor_of_float64_takes_over(precisions):
    """The penalty is far below what float32 can add to the diagonal."""
    known = problem(400, 200, 1e6, k=2)
    lam = 1e-9 / known.n
    solution = solved(known.system(), np.array([lam]))
    assert np.float64 in precisions
    assert solution.is_converged().all()
    expected = known.weights(lam)
    found = solution.weights_at(0)[0].T
    assert np.linalg.norm(found - expected) < 1e-3 * np.linalg.norm(expected)


def test_a_singular_system_without_penalty_says_so_and_still_fits():
    known = problem(60, 100, 10)
    solution = solved(known.system(), np.array([0.0, 1.0]))
    assert solution.singular.tolist() == [True, False]
    expected, found = known.weights(0.0), solution.weights_at(0)[0].T
    np.testing.assert_allclose(known.X @ found, known.X @ expected, atol=1e-5)
    assert np.linalg.norm(found) < 1.001 * np.linalg.norm(expected)
    assert np.isnan(solution.residual[0])
    assert solution.residual[1] <= krylov.CONVERGED


def test_targets_that_no_pixel_tells_of_have_no_weights():
    known = problem(100, 20, 10)
    system = known.system()
    system.cross[:] = 0
    solution = solved(system, GRID)
    assert not solution.weights()[0].any()
    assert solution.is_converged().all()


def test_the_basis_is_orthonormal_and_knows_its_products():
    rng = np.random.default_rng(0)
    gram = problem(200, 50, 100).system().gram
    space = Subspace(lambda Z: Z @ gram, 50)
    for _ in range(4):
        space.grow(rng.normal(size=(6, 50)))
        space.grow(space.V[:3] + 1e-13)  # nothing new in these
    np.testing.assert_allclose(space.V @ space.V.T, np.eye(space.size), atol=1e-13)
    np.testing.assert_allclose(space.T, space.V @ gram @ space.V.T, atol=1e-10)
    assert 24 <= space.size <= 27


def test_a_subspace_that_is_full_starts_again_from_what_it_found(monkeypatch):
    monkeypatch.setattr(krylov, "MOST_COLUMNS", 20)
    known = problem(300, 80, 1e3)
    solver = KrylovSolver(known.system())
    _, solution = solver.attempt(GRID)
    assert solver.subspace.size <= 20
    assert solution.is_converged().all()


def test_every_lambda_is_in_one_cell_with_those_near_it():
    grid = np.random.default_rng(0).permutation(np.geomspace(1e-5, 1e5, 100))
    found = cells(grid, 16)
    assert sorted(np.concatenate(found).tolist()) == list(range(100))
    assert all(grid[cell].max() <= 16 * grid[cell].min() for cell in found)
    assert [cell.tolist() for cell in cells(np.array([1.0, 0.0]), 16)] == [[0], [1]]


class TestWhatHasNotConverged:
    @pytest.fixture
    def hurried(self, monkeypatch):
        """A solver that may take two steps, with a factor of far too large a penalty."""
        of = Factor.of.__func__
        far = classmethod(lambda cls, gram, shift, *more: of(cls, gram, 1e6 * shift, *more))
        monkeypatch.setattr(Factor, "of", far)
        monkeypatch.setattr(krylov, "STEPS", 2)

    def test_is_told(self, hurried):
        solution = solved(problem(300, 80, 1e4).system(), np.array([1e-6, 1e9]))
        assert solution.is_converged().tolist() == [False, True]
        assert solution.residual[0] > krylov.CONVERGED

    def test_is_never_chosen(self):
        correct, lambdas = np.array([9, 5, 7]), np.array([1.0, 2.0, 3.0])
        assert choose(correct, lambdas, np.array([False, True, True])) == 2
        with pytest.raises(InputError, match="has not converged for any"):
            choose(correct, lambdas, np.zeros(3, bool))

    def test_weights_that_were_put_off_are_refused(self, hurried, monkeypatch):
        monkeypatch.setattr(solvers, "SIDE_BY_SIDE", 10)
        system = problem(300, 80, 1e4).system()
        makers = [lambda: system, lambda: system]
        _, full = solve_systems(makers, 80, np.array([1e-6]), "krylov", 1)
        with pytest.raises(InputError, match="not converged for λ = 1e-06"):
            full.weights_at(0)


class TestLargeSystems:
    """Those above SIDE_BY_SIDE unknowns; a lower bound makes small ones do."""

    def test_are_made_one_after_the_other_and_the_last_for_the_chosen_lambda(self, monkeypatch):
        monkeypatch.setattr(solvers, "SIDE_BY_SIDE", 10)
        known, made = problem(300, 80, 100), []

        def make(i):
            made.append(i)
            return known.system()

        makers = [lambda i=i: make(i) for i in range(3)]
        *fitted, full = solve_systems(makers, 80, GRID, "krylov", 2)
        assert made == [0, 1]
        assert np.isnan(full.gcv).all()
        coef, _ = full.weights_at(2)
        assert made == [0, 1, 2]
        np.testing.assert_allclose(coef, fitted[0].weights_at(2)[0], rtol=1e-7, atol=1e-9)

    def test_the_estimator_chooses_as_a_direct_solver_does(self, monkeypatch):
        monkeypatch.setattr(solvers, "SIDE_BY_SIDE", 10)
        images, labels = noise_images(500, 60, 4)
        found, expected = (
            RidgeClassifier(GRID, cv=cv, solver=solver).fit(images, labels)
            for cv, solver in ((3, "krylov"), (3, "eigen"))
        )
        assert found.cv_accuracy_.tolist() == expected.cv_accuracy_.tolist()
        assert found.lambda_ == expected.lambda_
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-7, atol=1e-12)
        with pytest.raises(ValueError, match=r"krylov.* knows no generalised cross-validation"):
            RidgeClassifier(GRID, solver="krylov").fit(images, labels)

    def test_are_left_to_the_iteration_unless_gcv_is_wanted(self):
        assert choose_solver(60_000, 4096, 10, 2, 1) == "tridiagonal"
        assert choose_solver(60_000, 4097, 10, 2, 1) == "krylov"
        assert choose_solver(60_000, 4097, 10, 1, 1, gcv=True) == "tridiagonal"
