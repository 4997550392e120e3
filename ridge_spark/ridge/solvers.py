"""Which solver to use, by a model of what each costs, and a call that uses it."""

from __future__ import annotations

import math
from collections.abc import Callable

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cholesky import CholeskySolver
from ridge_spark.ridge.eigen import EigenSolver
from ridge_spark.ridge.solution import Solution, Solver
from ridge_spark.ridge.threads import blas_threads

SOLVERS: dict[str, Callable[[CentredSystem], Solver]] = {
    "eigen": EigenSolver,
    "cholesky": CholeskySolver,
}

# Measured on one core at 3 GHz, d from 700 to 4,000. Only their ratio matters where nothing has to
# travel: an eigendecomposition takes as long as five Cholesky factorisations with GCV.
EIGEN_SECONDS = 1.7e-10  # times d³, for any number of λ
CHOLESKY_SECONDS = 3.2e-11  # times d³, for each λ
STAGE_SECONDS = 0.3  # to start tasks on other workers at all
BYTES_PER_SECOND = 2e8  # of a matrix on its way to them


def choose_solver(d: int, lambdas: int, systems: int, workers: int) -> str:
    """`eigen` or `cholesky`, whichever should solve `systems` systems of d pixels sooner.

    The eigendecompositions are made one after the other where the statistics are; each pair of a
    system and a λ is a Cholesky factorisation of its own, spread over `workers` workers:

        eigen      systems · e d³
        cholesky   ⌈systems · lambdas / workers⌉ · c d³, and the way to the workers if there is one
    """
    eigen = systems * EIGEN_SECONDS * d**3
    cholesky = math.ceil(systems * lambdas / workers) * CHOLESKY_SECONDS * d**3
    if workers > 1:
        cholesky += STAGE_SECONDS + systems * 8 * d * d / BYTES_PER_SECOND
    return "eigen" if eigen <= cholesky else "cholesky"


def solve(system: CentredSystem, lambdas: Float, solver: str, *, threads: int = 1) -> Solution:
    """Solve `system` for every λ with the solver of that name, BLAS on `threads` threads."""
    with blas_threads(threads):
        return SOLVERS[solver](system).solve(lambdas)
