"""Which solver to use, by a model of what each costs, and a call that uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cholesky import CholeskySolver
from ridge_spark.ridge.cost import Cost
from ridge_spark.ridge.eigen import EigenSolver
from ridge_spark.ridge.fallback import EigenFallback
from ridge_spark.ridge.few_images import FewImagesSolver, are_few
from ridge_spark.ridge.krylov import KrylovSolver
from ridge_spark.ridge.solution import Indices, Solution, Solver, store_weights
from ridge_spark.ridge.threads import blas_threads, parallel_map
from ridge_spark.ridge.tridiagonal import TridiagonalSolver

SOLVERS: dict[str, Callable[[CentredSystem], Solver]] = {
    "tridiagonal": partial(EigenFallback, solver=TridiagonalSolver),
    "cholesky": partial(EigenFallback, solver=CholeskySolver),
    "eigen": EigenSolver,
    "krylov": partial(EigenFallback, solver=KrylovSolver),
}

COSTS: dict[str, Callable[[int, int], Cost]] = {
    "tridiagonal": TridiagonalSolver.cost,
    "cholesky": CholeskySolver.cost,
    "eigen": EigenSolver.cost,
    "krylov": KrylovSolver.cost,
}

DIRECT = tuple(name for name in SOLVERS if name != "krylov")  # to rounding error, and with GCV

SIDE_BY_SIDE = 4096  # unknowns; smaller systems are solved on one thread each, several at a time
STAGE_SECONDS = 0.3  # to start tasks on other workers at all
BYTES_PER_SECOND = 2e8  # of a matrix on its way to them


def choose_solver(
    n: int, d: int, lambdas: int, systems: int, workers: int, *, gcv: bool = False
) -> str:
    """`tridiagonal`, `cholesky` or `krylov`, whichever should solve `systems` systems sooner.

    The systems are reduced one after the other where the statistics are; each pair of a system and
    a λ is a Cholesky factorisation of its own, spread over `workers` workers:

        tridiagonal   systems · its seconds
        krylov        systems · its seconds
        cholesky      ⌈systems · lambdas / workers⌉ · its seconds, and the way to the workers if any

    for d unknowns, or n where the n images are few. Up to SIDE_BY_SIDE, where seconds at most
    are at stake, the choice is that of one worker, and of a direct method: so every engine makes
    the same model, to the last bit. `eigen` is for those who ask for it, and for what the others
    find to be singular. `krylov` does not know `gcv`, and is not for those who need it.
    """
    a = n if are_few(n, d) else d
    workers = workers if a > SIDE_BY_SIDE else 1
    seconds = {
        "tridiagonal": systems * TridiagonalSolver.cost(a, lambdas).seconds,
        "cholesky": math.ceil(systems * lambdas / workers) * CholeskySolver.cost(a, 1).seconds,
    }
    if workers > 1:
        seconds["cholesky"] += STAGE_SECONDS + systems * 8 * d * d / BYTES_PER_SECOND
    if a > SIDE_BY_SIDE and not gcv:
        seconds["krylov"] = systems * KrylovSolver.cost(a, lambdas).seconds
    return min(seconds, key=seconds.__getitem__)


def seconds_of(unknowns: int, lambdas: int) -> float:
    """An estimate for one system and a grid of λ on one core, with the solver that is soonest."""
    solver = choose_solver(unknowns, unknowns, lambdas, 1, 1)
    return COSTS[solver](unknowns, lambdas).seconds


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
    systems: Sequence[Callable[[], CentredSystem]],
    unknowns: int,
    lambdas: Float,
    solver: str,
    threads: int,
) -> list[Solution]:
    """Solve each of the systems for every λ, on `threads` threads in all.

    A system is what a call of no arguments makes, of at most `unknowns` unknowns. Small ones are
    made and solved side by side, rather than with threads in each: a factorisation gains little
    from more threads, loses much where cores are shared with others, and on one thread has the same
    bits whatever the number of cores. Large ones are made and solved one after the other on all
    threads, so that one matrix is in memory at a time.

    The last system is of all images, and only the weights for the λ to be chosen will be wanted of
    it: its path stays lazy, the others' are stored.
    """
    if unknowns > SIDE_BY_SIDE:
        return _solve_in_turn(systems, lambdas, solver, threads)
    made = list(parallel_map(lambda make: make(), systems, threads))

    def solved(system: CentredSystem) -> Solution:
        return factorise(system, solver).solve(lambdas)

    with blas_threads(1), ThreadPoolExecutor(min(threads, len(made))) as pool:
        *fitted, full = pool.map(solved, made)
    return [*store_weights(fitted, threads), full]


def _solve_in_turn(
    systems: Sequence[Callable[[], CentredSystem]], lambdas: Float, solver: str, threads: int
) -> list[Solution]:
    def solved(make: Callable[[], CentredSystem]) -> Solution:
        system = make()
        of_each = threads_for(len(system.gram), threads)
        return solve(system, lambdas, solver, threads=of_each)

    *others, last = systems
    found = [store_weights([solved(make)], threads)[0] for make in others]
    if solver != "krylov":
        return [*found, solved(last)]
    L = len(lambdas)  # nothing but weights can be had of it, and those for a further λ are not free
    deferred = Solution(
        gcv=np.full(L, np.nan),
        singular=np.zeros(L, np.bool_),
        path=DeferredPath(last, lambdas, solver, threads),
    )
    return [*found, deferred]


@dataclass(frozen=True)
class DeferredPath:
    """Lazy: the system is made and solved, for the λ that are asked for, when they are."""

    make: Callable[[], CentredSystem]
    lambdas: Float
    solver: str
    threads: int

    def __len__(self) -> int:
        return len(self.lambdas)

    def weights(self, indices: Indices) -> tuple[Float, Float]:
        """`InputError` where the iteration does not converge."""
        chosen = self.lambdas[indices]
        solution = solve(self.make(), chosen, self.solver, threads=self.threads)
        left = chosen[~solution.is_converged()]
        if len(left):
            raise InputError(
                f"the iteration has not converged for λ = {left[0]:g}: use a larger one, or "
                "the solver tridiagonal"
            )
        return solution.weights()
