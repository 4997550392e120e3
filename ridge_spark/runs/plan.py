"""The plan of a run, made before anything is read: its side, its memory and its time."""

from __future__ import annotations

from dataclasses import dataclass

from ridge_spark.data.dataset import Split
from ridge_spark.engines.resources import Resources, gigabytes
from ridge_spark.errors import InputError
from ridge_spark.features import PIXELS, FeatureSpec
from ridge_spark.ridge.side import choose_side, side_seconds
from ridge_spark.runs.footprint import Footprint, Problem, footprint
from ridge_spark.runs.options import SIDES, TrainOptions
from ridge_spark.runs.result import Planned

MATRIX = {"primal": "X'X", "dual": "XX'", "operator": "the iteration"}
PASSES = {
    "primal": "two passes",
    "dual": "one pass and one for the weights",
    "operator": "a pass for each step",
}
START_SECONDS = {False: 0.5, True: 8.0}  # of this program, and of Spark


@dataclass(frozen=True)
class Plan:
    """What a run will do on a side, with an estimate of what that takes."""

    side: str
    problem: Problem
    resources: Resources

    @property
    def footprint(self) -> Footprint:
        return footprint(self.side, self.problem, self.resources)

    @property
    def solver(self) -> str:
        return self.problem.solver_of(self.side, self.resources.workers)

    @property
    def lacks(self) -> str:
        """What does not fit, for a person; nothing where all does."""
        return self.resources.lacks(self.footprint.lead, self.footprint.task)

    @property
    def seconds(self) -> float:
        """An estimate; the cores of the machine that solves may be others than those of workers."""
        p, used = self.problem, self.resources
        cores = max(1, min(used.workers * used.threads, 64))
        spent = side_seconds(self.side, p.n, p.d, p.lambdas, p.systems) / cores
        return spent + START_SECONDS[used.tasks_apart]

    @property
    def line(self) -> str:
        """`plan: dual, 300 x 300, one pass and one for the weights, 0.2 GB`, and what it beats."""
        peak = gigabytes(self.footprint.peak(self.resources))
        return f"plan: {self.side}, {self.matrix}, {PASSES[self.side]}, {peak}"

    @property
    def why(self) -> str:
        """What the sides with a matrix would have been."""
        others = [side for side in ("primal", "dual") if side != self.side]
        peaks = [
            footprint(side, self.problem, self.resources).peak(self.resources) for side in others
        ]
        return "; ".join(
            f"{side}: {self._matrix(side)}, {gigabytes(peak)}"
            for side, peak in zip(others, peaks, strict=True)
        )

    @property
    def matrix(self) -> str:
        """Its size, or that of what is solved without one."""
        return self._matrix(self.side)

    def _matrix(self, side: str) -> str:
        a = self.problem.unknowns(side)
        return f"{a:,} unknowns" if side == "operator" else f"{a:,} x {a:,}"

    def planned(self) -> Planned:
        """What the result says of it."""
        peak = self.footprint.peak(self.resources) / 2**20
        return Planned(self.line.removeprefix("plan: "), round(peak, 1), round(self.seconds, 2))

    def table(self) -> str:
        """All of it, for a person."""
        used, needs = self.resources, self.footprint
        has = f" of the {gigabytes(used.lead)} of {used.what}"
        lines = [f"{self.line} ({self.why})", f"{'solver':<15}{self.solver}"]
        if used.tasks_apart:
            of_each = "" if used.task is None else f" of {gigabytes(used.task)}"
            lines += [
                f"{'driver':<15}{gigabytes(needs.lead)}{has}",
                f"{'each task':<15}{gigabytes(needs.task)}{of_each}, {used.workers} at a time",
            ]
        else:
            each = "each process" if used.workers > 1 else "process"
            lines.append(f"{each:<15}{gigabytes(needs.lead)}{has}")
        return "\n".join([*lines, f"{'time':<15}about {self.seconds:.1f} s"])


def make_plans(
    split: Split, options: TrainOptions, resources: Resources, exact: bool = True
) -> list[Plan]:
    """The plan of each spec that is to be searched; `exact` is False where models are averaged."""
    specs = options.features or (PIXELS,)
    return [make_plan(split, spec, options, resources, exact) for spec in specs]


def make_plan(
    split: Split, spec: FeatureSpec, options: TrainOptions, resources: Resources, exact: bool
) -> Plan:
    """The side that is asked for, or else the one that costs less and fits.

    `InputError` where none fits, or what is asked for does not.
    """
    problem = problem_of(split, spec, options)
    sides = _possible(options, exact)
    if options.side != "auto":
        if options.side not in sides:
            why = "class weights are" if exact else "models are averaged"
            raise InputError(f"--side {options.side}: {why} on side {' or '.join(sides)} only")
        sides = [options.side]
    elif choose_side(problem.n, problem.d, problem.lambdas, problem.systems) == "dual":
        sides.sort(key=lambda side: side != "dual")
    plans = [Plan(side, problem, resources) for side in sides]
    fitting = next((plan for plan in plans if not plan.lacks), None)
    if fitting is None:
        plan = min(plans, key=lambda plan: plan.footprint.lead)
        raise InputError(
            f"{split.uri}: {MATRIX[plan.side]} ({plan.matrix}) takes {plan.lacks}: "
            + _remedy(plan, options)
        )
    return fitting


def _possible(options: TrainOptions, exact: bool) -> list[str]:
    """The sides on which what is asked for can be done, the first preferred."""
    if not exact:
        return ["primal"]
    return [side for side in SIDES[1:] if options.class_weight is None or side != "dual"]


def _remedy(plan: Plan, options: TrainOptions) -> str:
    remedies = ["import smaller images with --size"]
    if plan.side == "dual":
        remedies.append("use fewer of them with --limit")
    if options.side != "auto":
        remedies.append("leave out --side")
    if plan.resources.task is not None:
        remedies.append("raise spark.executor.memoryOverhead")
    return ", ".join(remedies) + ", or use a larger machine"


def problem_of(split: Split, spec: FeatureSpec, options: TrainOptions) -> Problem:
    """The sizes of a run with some features."""
    folds, about = options.folds, split.description
    fraction = folds.fraction if folds.held_out else 0.0
    return Problem(
        n=split.rows,
        d=spec.outputs(about.shape),
        k=len(about.class_names),
        lambdas=len(options.lambdas_for(spec)),
        groups=folds.groups,
        held_out=folds.held_out,
        kept=1 - fraction,
        block=max(block.rows for block in split.blocks) * about.d,
        block_d=about.d,
        solver=options.solver,
    )
