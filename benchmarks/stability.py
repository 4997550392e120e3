"""How many digits of the weights each solver keeps, against a reference of 100 digits.

    python -m benchmarks.stability --page docs/stability.md --figure docs/stability.svg

Systems (Xc'Xc + NλI) W = Xc'Yc of few unknowns, whose condition number κ is known: eigenvalues that
fall from 1 to 1/κ by equal factors, in a random basis. Each is solved by every solver of the
program, and by mpmath in numbers of 100 digits from the same float64 matrices.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mpmath
import numpy as np

from benchmarks.drawing import style
from benchmarks.measure import machine, say
from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.solvers import SOLVERS, solve

UNKNOWNS, CLASSES, IMAGES = 24, 3, 1000
SEEDS = 5
DIGITS = 100
POWERS = tuple(range(17))  # of ten, of κ
SCALE = 1e9  # of the largest eigenvalue, as of a few images of bytes
EPSILON = float(np.finfo(np.float64).eps)
BEGIN, END = "<!-- stability: begin -->", "<!-- stability: end -->"


@dataclass(frozen=True)
class Found:
    """What a solver made of a system."""

    solver: str
    how: str  # the condition comes about: by X, or X is singular and λ is what there is
    power: int  # κ = 10^power
    error: float  # ‖W - W₁₀₀‖ / ‖W₁₀₀‖, the largest over the seeds
    told: int  # of the seeds, those of which the program says that the system is singular


def system_of(eigenvalues: Float, seed: int) -> CentredSystem:
    """A centred system with these eigenvalues, and targets as of images that have them."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(len(eigenvalues), len(eigenvalues))))
    gram = (basis * eigenvalues) @ basis.T
    cross = (basis * np.sqrt(eigenvalues)) @ rng.normal(size=(len(eigenvalues), CLASSES))
    return CentredSystem(
        n=IMAGES,
        gram=(gram + gram.T) / 2,
        cross=cross,
        target_ss=np.full(CLASSES, float(IMAGES)),
        active=np.arange(len(eigenvalues)),
        mean=np.zeros(len(eigenvalues)),
        target_mean=np.zeros(CLASSES),
    )


def reference(system: CentredSystem, lam: float) -> Float:
    """The weights (k, d) in `DIGITS` digits, rounded to float64 in the end."""
    with mpmath.workdps(DIGITS):
        matrix = mpmath.matrix(system.gram.tolist())
        for i in range(matrix.rows):
            matrix[i, i] += mpmath.mpf(system.n) * mpmath.mpf(lam)
        columns = [
            mpmath.lu_solve(matrix, mpmath.matrix(column.tolist())) for column in system.cross.T
        ]
        return np.array([[float(value) for value in column] for column in columns])


def problems(power: int) -> dict[str, tuple[Float, float]]:
    """Eigenvalues and λ, with κ = 10^power: λ = 0, or a singular X and a λ that makes up for it."""
    spectrum = np.logspace(0, -power, UNKNOWNS)
    rank_half = np.where(np.arange(UNKNOWNS) < UNKNOWNS // 2, 1.0, 0.0)
    lam = SCALE / (10.0**power - 1) / IMAGES if power else SCALE / IMAGES
    return {"λ = 0": (SCALE * spectrum, 0.0), "X singular, λ > 0": (SCALE * rank_half, lam)}


def measure(powers: Sequence[int] = POWERS, seeds: int = SEEDS) -> list[Found]:
    found = []
    for power in powers:
        say(f"κ = 10^{power}")
        for how, (eigenvalues, lam) in problems(power).items():
            systems = [system_of(eigenvalues, seed) for seed in range(seeds)]
            exact = [reference(system, lam) for system in systems]
            for solver in SOLVERS:
                errors, told = [], 0
                for system, expected in zip(systems, exact, strict=True):
                    solution = solve(system, np.array([lam]), solver)
                    coef, _ = solution.weights_at(0)
                    errors.append(np.linalg.norm(coef - expected) / np.linalg.norm(expected))
                    told += bool(solution.singular[0] or not solution.is_converged()[0])
                found.append(Found(solver, how, power, float(max(errors)), told))
    return found


def table(found: Sequence[Found], how: str) -> str:
    """Digits kept, by κ and solver; in brackets where the program says that X'X is singular."""
    lines = [["κ", *SOLVERS], ["---:"] * (1 + len(SOLVERS))]
    for power in sorted({each.power for each in found}):
        cells = [f"10^{power}"]
        for solver in SOLVERS:
            (each,) = [f for f in found if (f.solver, f.how, f.power) == (solver, how, power)]
            digits = max(0.0, -np.log10(max(each.error, EPSILON)))
            cells.append(f"({digits:.1f})" if each.told else f"{digits:.1f}")
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def draw(found: Sequence[Found], path: Path) -> None:
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(6.6, 2.9), layout="constrained")
        hows = list(dict.fromkeys(each.how for each in found))
        for axes, how in zip(figure.subplots(1, len(hows), sharey=True), hows, strict=True):
            for marker, solver in zip("osd^", SOLVERS, strict=True):
                some = [each for each in found if (each.how, each.solver) == (how, solver)]
                kappas = [10.0**each.power for each in some]
                errors = [max(each.error, EPSILON / 4) for each in some]
                (line,) = axes.loglog(kappas, errors, marker=marker, ms=4, lw=1, label=solver)
                told = [
                    (k, e) for k, e, each in zip(kappas, errors, some, strict=True) if each.told
                ]
                if told:
                    axes.loglog(*zip(*told, strict=True), "x", ms=9, color=line.get_color())
            axes.loglog([1, 1e16], [EPSILON, 1e16 * EPSILON], ":", color="gray", label="κ ε")
            axes.set(title=how, xlabel="condition number κ")
        figure.axes[0].set_ylabel("relative error of W")
        figure.axes[0].legend()
        figure.savefig(path, metadata={"Date": None})


def write_page(page: Path, text: str) -> None:
    before, after = re.split(f"{BEGIN}.*{END}", page.read_text("utf-8"), flags=re.DOTALL)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, help="page whose tables to make anew")
    parser.add_argument("--figure", type=Path, help="SVG file to write")
    parser.add_argument("--quick", action="store_true", help="a few κ: whether all works")
    options = parser.parse_args()
    found = measure(POWERS[:3] if options.quick else POWERS)
    about = machine()
    text = "\n\n".join(
        f"Digits kept, {how}:\n\n{table(found, how)}"
        for how in dict.fromkeys(each.how for each in found)
    )
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    text += f"\n\nMeasured on {about['processor']} with {versions}."
    print(text)
    if options.page:
        write_page(options.page, text)
    if options.figure:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
