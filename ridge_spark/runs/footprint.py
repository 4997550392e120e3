"""How much memory the processes of a run need at their peak: a model of what is held when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ridge_spark.engines.pairs import parts_for
from ridge_spark.engines.read_ahead import READ_AHEAD
from ridge_spark.engines.resources import TASK_BYTES, Resources
from ridge_spark.ridge.few_images import are_few
from ridge_spark.ridge.kernel.integer import LANES_BYTES
from ridge_spark.ridge.kernel.upper import EXACT_ROWS
from ridge_spark.ridge.operator import PANEL_BYTES
from ridge_spark.ridge.operator_solver import COLUMNS, RANK, most_columns
from ridge_spark.ridge.products import MOST_PIXELS, TILE_BYTES
from ridge_spark.ridge.solvers import COSTS, SIDE_BY_SIDE, choose_solver

LEAD_BYTES = 175 * 10**6  # of a process with everything loaded that a run needs
SUBSPACE = 600  # columns, and their products, that the solver krylov comes to hold
COPIES_OF_A_BLOCK = 4  # as it is read: compressed, decoded, as an array; and what Arrow keeps


@dataclass(frozen=True)
class Problem:
    """The sizes of a run.

    n           training images               d           bytes that the model sees of each
    k           classes                       lambdas     values of λ
    groups      whose statistics are summed   held_out    of them, those that are held out
    kept        fraction of the images that is left without one of those
    block       bytes of the largest block     block_d   and of an image, as they are read
    solver      that is asked for, or auto
    """

    n: int
    d: int
    k: int
    lambdas: int
    groups: int
    held_out: int
    kept: float
    block: int
    block_d: int
    solver: str = "auto"

    @property
    def systems(self) -> int:
        return self.held_out + 1

    def unknowns(self, side: str) -> int:
        """Rows of the matrix of that side."""
        return self.n if side == "dual" else self.d

    def solver_of(self, side: str, workers: int) -> str:
        """The solver that the side takes."""
        if self.solver != "auto" and side != "operator":
            return self.solver
        if side == "operator":
            return "krylov"
        if side == "dual":
            return choose_solver(self.n, self.n, self.lambdas, self.systems, 1)
        return choose_solver(self.n, self.d, self.lambdas, self.systems, workers)

    def is_singular(self, side: str) -> bool:
        """Whether there are too few images for a regular X'X, but too many for their span."""
        fitted = int(self.kept * self.n)
        return side == "primal" and fitted <= self.d and not are_few(fitted, self.d)


@dataclass(frozen=True)
class Footprint:
    """Bytes at the peak: of the process that leads, and of one that does tasks."""

    lead: int
    task: int

    def peak(self, resources: Resources) -> int:
        """The most that one process holds."""
        return max(self.lead, self.task) if resources.tasks_apart else self.lead


def footprint(side: str, problem: Problem, resources: Resources) -> Footprint:
    """What each process holds at its peak, on that side."""
    passes = {"primal": _primal_pass, "dual": _dual_pass, "operator": _operator_pass}
    summing, summed = passes[side](problem, resources)
    solving = (_iterating if side == "operator" else partial(_solving, side))(problem, resources)
    scoring = summed + _scoring(side, problem)
    if resources.whole_x:  # pages that all workers of a node share, and each has mapped
        summing += problem.n * problem.block_d
    if resources.tasks_apart:
        lead = LEAD_BYTES + max(solving, scoring)
        return Footprint(int(lead), int(TASK_BYTES + summing))
    return Footprint(int(LEAD_BYTES + max(summing, solving, scoring)), 0)


def _dual_pass(problem: Problem, resources: Resources) -> tuple[float, float]:
    """Bytes of a task that multiplies two parts of the images; and of XX' when it is whole."""
    n, d = problem.n, problem.d
    parts = parts_for(n, d, resources.workers, resources.budget)
    some = n / parts
    images = some * d * (1 if parts == 1 else 2)
    tile = some * some if parts > 1 else n * n
    lanes = resources.threads if 2 * tile * resources.threads <= LANES_BYTES else 1
    turned = min(MOST_PIXELS * 2 * some, TILE_BYTES)
    whole = 8 * n * n
    mine = images + COPIES_OF_A_BLOCK * problem.block + 8 * tile + 2 * tile * lanes + turned
    gathered = 2 * whole if resources.workers > 1 and not resources.tasks_apart else 0
    # The last pass reads on another thread, which has nothing of what Arrow keeps for the first.
    last = 2 * COPIES_OF_A_BLOCK * problem.block + 3 * 8 * problem.k * d
    return max(mine + gathered, last), whole


def _primal_pass(problem: Problem, resources: Resources) -> tuple[float, float]:
    """Bytes of a task that sums statistics; and of those of all groups."""
    square, summed = 8 * problem.d**2, _summed(problem)
    if problem.d > SIDE_BY_SIDE and (resources.tasks_apart or resources.workers == 1):
        sums = 2 * problem.groups * problem.d**2 + summed
        return sums + READ_AHEAD * problem.block, summed
    lanes = resources.threads
    if problem.groups * lanes * square / 4 > LANES_BYTES:
        lanes = 1
    sums = problem.groups * square * (1 + lanes / 4)
    blocks = (READ_AHEAD + COPIES_OF_A_BLOCK) * problem.block
    if resources.tasks_apart:  # tiles, where they would be too large; and on their way, a copy
        sums = min(sums + problem.groups * square / 2, 1.5 * resources.budget)
    return sums + blocks, summed


def _summed(problem: Problem) -> float:
    """Bytes of X'X of all groups: squares, or the triangles of large ones, of 32 bits or of 64."""
    if problem.d <= SIDE_BY_SIDE:
        return 8 * problem.groups * problem.d**2
    return (2 if problem.n <= EXACT_ROWS else 4) * problem.groups * problem.d**2


def _operator_pass(problem: Problem, resources: Resources) -> tuple[float, float]:
    """Bytes of a task that multiplies images by the vectors of the sketch; and of the moments."""
    vectors = 8 * min(RANK, problem.d) * problem.d
    each = 2 * vectors + 2 * PANEL_BYTES + COPIES_OF_A_BLOCK * problem.block
    moments = 8 * problem.groups * (problem.k + 1) * problem.d
    return 3 * vectors + resources.threads * each, moments


def _iterating(problem: Problem, resources: Resources) -> float:
    """Bytes of the process that leads: the sketch, then the subspace as large as it may become."""
    d, rank = problem.d, min(RANK, problem.d)
    columns = most_columns(d, resources.lead)
    weights = 8 * problem.held_out * problem.lambdas * problem.k * d
    return 8 * d * (4 * columns + rank + 3 * COLUMNS) + weights  # twice 2, while it grows


def _solving(side: str, problem: Problem, resources: Resources) -> float:
    """Bytes of the process that solves: the sums, the systems, and what solvers make of them."""
    solver, a = problem.solver_of(side, resources.workers), problem.unknowns(side)
    square, extra = 8 * a * a, COSTS[solver](a, problem.lambdas).memory
    if solver == "krylov":
        extra += 2 * 8 * SUBSPACE * a
    if problem.is_singular(side):
        extra += COSTS["eigen"](a, problem.lambdas).memory * 2 / 3
    if side == "primal" and are_few(int(problem.kept * problem.n), problem.d):
        extra = 3 * 8 * problem.kept * problem.n * problem.d
    weights = 8 * problem.held_out * problem.lambdas * problem.k * a
    if side == "dual":  # small systems are all there until the last is solved
        together = 1 + problem.held_out * problem.kept**2 if a <= SIDE_BY_SIDE else 1
        return square + together * (square + extra) + weights
    sums = _summed(problem)
    if a > SIDE_BY_SIDE:
        more = 0 if problem.held_out == 1 else 2 * sums / problem.groups
        return sums + more + square + extra + weights
    return sums + problem.systems * (2 * square + extra) + weights


def _scoring(side: str, problem: Problem) -> float:
    """Bytes for weights of pixels: of the best λ on the dual side, of all on the primal side."""
    weights = 8 * problem.k * problem.d
    if side == "dual":
        return 6 * weights + READ_AHEAD * problem.block
    return 3 * problem.held_out * problem.lambdas * weights + READ_AHEAD * problem.block
