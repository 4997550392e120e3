"""Which solver to use, by a model of what each costs, and a call that uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cholesky import CholeskySolver
from ridge_spark.ridge.eigen import EigenSolver
from ridge_spark.ridge.fallback import EigenFallback
from ridge_spark.ridge.few_images import FewImagesSolver, are_few
from ridge_spark.ridge.solution import Solution, Solver, store_weights
from ridge_spark.ridge.threads import blas_threads
from ridge_spark.ridge.tridiagonal import TridiagonalSolver

SOLVERS: dict[str, Callable[[CentredSystem], Solver]] = {
    "tridiagonal": partial(EigenFallback, solver=TridiagonalSolver),
    "cholesky": partial(EigenFallback, solver=CholeskySolver),
    "eigen": EigenSolver,
}

SIDE_BY_SIDE = 4096  # unknowns; smaller systems are solved on one thread each, several at a time
STAGE_SECONDS = 0.3  # to start tasks on other workers at all
BYTES_PER_SECOND = 2e8  # of a matrix on its way to them


def choose_solver(n: int, d: int, lambdas: int, systems: int, workers: int) -> str:
    """`tridiagonal` or `cholesky`, whichever should solve `systems` systems sooner.

    The systems are reduced one after the other where the statistics are; each pair of a system and
    a λ is a Cholesky factorisation of its own, spread over `workers` workers:

        tridiagonal   systems · its seconds
        cholesky      ⌈systems · lambdas / workers⌉ · its seconds, and the way to the workers if any

    for d unknowns, or n where the n images are few. Up to SIDE_BY_SIDE, where seconds at most
    are at stake, the choice is that of one worker: so every engine makes the same model, to the
    last bit. `eigen` is for those who ask for it, and for what the others find to be singular.
    """
    a = n if are_few(n, d) else d
    workers = workers if a > SIDE_BY_SIDE else 1
    tridiagonal = systems * TridiagonalSolver.cost(a, lambdas).seconds
    cholesky = math.ceil(systems * lambdas / workers) * CholeskySolver.cost(a, 1).seconds
    if workers > 1:
        cholesky += STAGE_SECONDS + systems * 8 * d * d / BYTES_PER_SECOND
    return "tridiagonal" if tridiagonal <= cholesky else "cholesky"


def factorise(system: CentredSystem, solver: str) -> Solver:
    """The solver of that name for `system`; in the space its images span where they are few."""
    if are_few(system.n, len(system.gram)):
        return FewImagesSolver(system, SOLVERS[solver])
    return SOLVERS[solver](system)


def threads_for(unknowns: int, threads: int) -> int:
    """Of `threads`, those that BLAS should have for a system: one up to SIDE_BY_SIDE unknowns.

    A small system gains little from more, and on one its solution has the same bits anywhere.
    """
    return threads if unknowns > SIDE_BY_SIDE else 1


def solve(system: CentredSystem, lambdas: Float, solver: str, *, threads: int = 1) -> Solution:
    """Solve `system` for every λ with the solver of that name, BLAS on `threads` threads."""
    with blas_threads(threads):
        return factorise(system, solver).solve(lambdas)


def solve_systems(
    systems: Sequence[CentredSystem], lambdas: Float, solver: str, threads: int
) -> list[Solution]:
    """Solve each of the systems for every λ, on `threads` threads in all.

    Systems side by side rather than threads in a system: a factorisation gains little from more
    threads, loses much where cores are shared with others, and on one thread has the same bits
    whatever the number of cores. Large ones go one after the other on all threads, since each takes
    a few times the memory of its Gram matrix.

    The last system is of all images, and only the weights for the λ to be chosen will be wanted of
    it: its path stays lazy, the others' are stored.
    """
    of_each = threads_for(max(len(system.gram) for system in systems), threads)
    at_once = min(threads // of_each, len(systems))

    def solved(system: CentredSystem) -> Solution:
        return factorise(system, solver).solve(lambdas)

    with blas_threads(of_each), ThreadPoolExecutor(at_once) as pool:
        *fitted, full = pool.map(solved, systems)
    return [*store_weights(fitted, threads), full]
