"""The MPI hybrid on a grid of ranks x threads: heat maps, Amdahl's law, a model of the time.

    python benchmarks/hybrid.py --data data/mnist
    python benchmarks/hybrid.py --runs runs/sweep-model-12345 --figures runs/sweep-model-12345

The first metrics here, each worker (a thread of a rank) on one core and no more of them than there
are; the second takes what the job array mpi_hybrid/slurm/sweep.sbatch has measured. All images for
the speed-up, a share of them that grows with the workers for the scaled speed-up; repeats are
interleaved, figures are medians. Seconds are from when the ranks have found one another to the
chosen model; `command` is all that a user waits for, from the start of mpiexec to the report drawn.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hybrid_figures import hybrid_figures
from hybrid_measure import measured
from hybrid_model import Point, fit, predict
from hybrid_runs import Results, cells, load, serial_fraction
from measure import QUICK, machine, parse, report

AHEAD = (8, 8)  # nodes and threads that the report had, and the model is asked about


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    parser.add_argument(
        "--images", type=int, default=600_000, help="the images repeated to so many"
    )
    parser.add_argument("--runs", type=Path, help="figures of runs that are there already")
    parser.add_argument("--figures", type=Path, help="a folder to draw them into")
    options = parse(parser, repeats=5)
    if options.quick:
        options.images = QUICK["train"]
    if options.runs:
        runs = load(options.runs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            runs = measured(Path(folder), options.data, options.images, options.repeats)
    found = figures(runs)
    report("hybrid", found, table(found), options.json)
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        hybrid_figures({"machine": machine(), **found}, options.figures)


def figures(runs: Results) -> dict[str, Any]:
    """All that is published."""
    found: dict[str, Any] = {"results": cells(runs), "amdahl": {}, "models": {}}
    found["library"] = runs[0]["mpi"]["library"]
    for mode in dict.fromkeys(cell["mode"] for cell in found["results"]):
        alone = [c for c in found["results"] if c["mode"] == mode and c["ranks"] == 1]
        threads = [cell["threads"] for cell in alone]
        times = [cell["seconds"] for cell in alone]
        found["amdahl"][mode] = {
            "threads": threads,
            "seconds": times,
            "serial_fraction": serial_fraction(threads, times),
        }
        of_mode = [run for run in runs if run["engine"] == f"mpi-{mode}"]
        model = fit(of_mode)
        largest = max((Point.of(run) for run in of_mode), key=lambda point: point.images)
        here = predict(model, replace(largest, nodes=1, ranks=1, threads=1))
        nodes, threads_of_each = AHEAD
        there = predict(model, replace(largest, nodes=nodes, ranks=nodes, threads=threads_of_each))
        model["ahead"] = {
            "nodes": nodes,
            "threads": threads_of_each,
            "images": largest.images,
            "seconds": there,
            "speed_up": here / there,
        }
        found["models"][mode] = model
    return found


def table(found: dict[str, Any]) -> str:
    lines = [
        "mode   ranks threads  seconds parallel overhead  speed-up  scaled  efficiency   command"
    ]
    lines += [
        f"{c['mode']:<6} {c['ranks']:>5} {c['threads']:>7} {c['seconds']:>8.2f} "
        f"{c['parallel_seconds']:>8.2f} {c['overhead_seconds']:>8.2f} {c['speed_up']:>9.2f} "
        f"{c['scaled_speed_up']:>7.2f} {c['efficiency']:>11.2f} "
        f"{c.get('command_seconds', math.nan):>9.2f}"
        for c in found["results"]
    ]
    for mode, model in found["models"].items():
        ahead, amdahl = model["ahead"], found["amdahl"][mode]
        lines += [
            "",
            f"{mode}: one rank, 1 to {max(amdahl['threads'])} threads: "
            f"serial fraction {amdahl['serial_fraction']:.3f}",
            f"{mode}: the model is off by {model['median_error']:.0%} (median) and "
            f"{model['largest_error']:.0%} (most) on the {model['points']} points fitted, "
            f"and by {model['median_error_unseen']:.0%} (median) on a point that it has not seen",
            f"{mode}: for {ahead['nodes']} nodes x {ahead['threads']} threads it predicts "
            f"{ahead['seconds']:.2f} s, {ahead['speed_up']:.1f} times one core, if their network "
            "reduces as fast as the ranks that were measured",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
