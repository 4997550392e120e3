"""The plan of a run, made before anything is read: its side, its memory and its time."""

from __future__ import annotations

from dataclasses import dataclass

from ridge_spark.data.dataset import Split
from ridge_spark.engines.resources import Resources, gigabytes
from ridge_spark.errors import InputError
from ridge_spark.features import PIXELS, FeatureSpec
from ridge_spark.ridge.side import SIDES, choose_side, side_seconds
from ridge_spark.runs.footprint import Footprint, Problem, footprint
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.result import Planned

MATRIX = {"primal": "X'X", "dual": "XX'"}
PASSES = {"primal": "two passes", "dual": "one pass and one for the weights"}
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
        a = self.problem.unknowns(self.side)
        peak = gigabytes(self.footprint.peak(self.resources))
        return f"plan: {self.side}, {a:,} x {a:,}, {PASSES[self.side]}, {peak}"

    @property
    def why(self) -> str:
        """What the other side would have been."""
        (other,) = {"primal", "dual"} - {self.side}
        a = self.problem.unknowns(other)
        peak = footprint(other, self.problem, self.resources).peak(self.resources)
        return f"{other} would be {a:,} x {a:,}, {gigabytes(peak)}"

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
    if not exact and options.side not in ("auto", "primal"):
        raise InputError(f"--side {options.side}: models are averaged on side primal only")
    if options.class_weight is not None and options.side not in ("auto", "primal"):
        raise InputError(f"--side {options.side}: class weights are on side primal only")
    if options.side != "auto" or options.class_weight is not None or not exact:
        sides = ["primal" if options.side == "auto" else options.side]
    else:
        first = choose_side(problem.n, problem.d, problem.lambdas, problem.systems)
        sides = [first, *(side for side in SIDES if side != first)]
    plans = [Plan(side, problem, resources) for side in sides]
    fitting = next((plan for plan in plans if not plan.lacks), None)
    if fitting is None:
        plan = min(plans, key=lambda plan: plan.footprint.lead)
        a = problem.unknowns(plan.side)
        raise InputError(
            f"{split.uri}: {MATRIX[plan.side]} ({a:,} x {a:,}) takes {plan.lacks}: "
            + _remedy(plan, options)
        )
    return fitting


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
