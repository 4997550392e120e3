"""How much memory the processes of a run need at their peak: a model of what is held when."""

from __future__ import annotations

from dataclasses import dataclass

from ridge_spark.engines.pairs import parts_for
from ridge_spark.engines.read_ahead import READ_AHEAD
from ridge_spark.engines.resources import TASK_BYTES, Resources
from ridge_spark.ridge.few_images import are_few
from ridge_spark.ridge.kernel.integer import LANES_BYTES
from ridge_spark.ridge.products import MOST_PIXELS, TILE_BYTES
from ridge_spark.ridge.solvers import COSTS, SIDE_BY_SIDE, choose_solver

LEAD_BYTES = 165 * 10**6  # of a process with everything loaded that a run needs
COPIES_OF_A_BLOCK = 3  # as it is read: compressed, decoded, and as an array


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
        if self.solver != "auto":
            return self.solver
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
    solving = _solving(side, problem, resources)
    summing, summed = (_dual_pass if side == "dual" else _primal_pass)(problem, resources)
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
    gathered = whole if resources.workers > 1 and not resources.tasks_apart else 0
    return mine + gathered, whole


def _primal_pass(problem: Problem, resources: Resources) -> tuple[float, float]:
    """Bytes of a task that sums statistics; and of those of all groups."""
    square = 8 * problem.d**2
    lanes = resources.threads
    if problem.groups * lanes * square / 4 > LANES_BYTES:
        lanes = 1
    sums = problem.groups * square * (1 + lanes / 4)
    blocks = (READ_AHEAD + COPIES_OF_A_BLOCK) * problem.block
    if resources.tasks_apart:  # tiles, where they would be too large; and on their way, a copy
        sums = min(sums + problem.groups * square / 2, 1.5 * resources.budget)
    return sums + blocks, problem.groups * square


def _solving(side: str, problem: Problem, resources: Resources) -> float:
    """Bytes of the process that solves: the sums, the systems, and what solvers make of them."""
    solver, a = problem.solver_of(side, resources.workers), problem.unknowns(side)
    square, extra = 8 * a * a, COSTS[solver](a, problem.lambdas).memory
    if problem.is_singular(side):
        extra += COSTS["eigen"](a, problem.lambdas).memory * 2 / 3
    if side == "primal" and are_few(int(problem.kept * problem.n), problem.d):
        extra = 3 * 8 * problem.kept * problem.n * problem.d
    at_once = min(resources.lead_threads, problem.systems) if a <= SIDE_BY_SIDE else 1
    weights = 8 * problem.held_out * problem.lambdas * problem.k * a
    if side == "dual":
        systems = square * (1 + problem.held_out * problem.kept**2)
        held = systems if a <= SIDE_BY_SIDE else square
        return square + held + at_once * extra + weights
    sums = problem.groups * square
    if a > SIDE_BY_SIDE:
        more = 0 if problem.held_out == 1 else 2 * square
        return sums + more + square + extra + weights
    return sums + problem.systems * square + at_once * (square + extra) + weights


def _scoring(side: str, problem: Problem) -> float:
    """Bytes for weights of pixels: of the best λ on the dual side, of all on the primal side."""
    weights = 8 * problem.k * problem.d
    if side == "dual":
        return 6 * weights + READ_AHEAD * problem.block
    return 3 * problem.held_out * problem.lambdas * weights + READ_AHEAD * problem.block
