"""The figures of the course report, drawn again from what was measured here: into figures/.

    python benchmarks/report_figures.py --data data/mnist

Every number comes from runs/bench/*.json or a run directory; what has not been measured is left
out, and said. Each figure names the machine, its cores and the versions it was measured with.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from amdahl import WORKERS, limit
from drawing import COLUMN, MUTED, SERIES, Measured, save, style
from graph_figure import graph_figure
from hybrid_figures import hybrid_figures
from matplotlib.figure import Figure
from measure import machine

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.report.graph import lanes, steps
from ridge_spark.runs.directory import read_result
from ridge_spark.runs.result import Result

SAMPLES = 14  # images of each class


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["data/mnist"], help="data sets to sample")
    parser.add_argument("--bench", type=Path, default=Path("runs/bench"), help="measurements")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    for data in options.data:
        samples(data, options.out)
    for engine in ("outer", "inner"):
        folder = options.bench / engine
        if found(folder / "result.json"):
            computation_graph(read_result(folder / "result.json"), options.out)
    drawings: dict[str, Callable[[Measured, Path], None]] = {
        "amdahl": amdahl_curves,
        "spark_speedup": spark_speed_up,
        "report_baseline": against_the_report,
        "hybrid": hybrid_figures,
    }
    for name, draw in drawings.items():
        path = options.bench / f"{name}.json"
        if found(path):
            draw(json.loads(path.read_text()), options.out)


def found(path: Path) -> bool:
    """True if something was measured; else say which figure there will not be."""
    if not path.is_file():
        print(f"{path}: not measured, so its figure is left out", file=sys.stderr)
    return path.is_file()


def samples(data: str, out: Path) -> None:
    """The first images of each class of the training split, a row for each class."""
    split = open_split(data, "train")
    names, shape = split.description.class_names, split.description.shape
    rows: list[list[np.ndarray]] = [[] for _ in names]
    for block in read_blocks(split.blocks):
        for label, row in enumerate(rows):
            mine = block.images[block.labels == label][: SAMPLES - len(row)]
            row += [image.reshape(shape).squeeze() for image in mine]
        if all(len(row) == SAMPLES for row in rows):
            break
    height, width, _ = shape
    with style():
        size = COLUMN / SAMPLES
        figure = Figure((COLUMN, len(names) * size * height / width))
        grid = figure.subplots(len(names), SAMPLES, squeeze=False)
        figure.subplots_adjust(0, 0, 1, 1, 0.06, 0.06)
        for axes in grid.flat:
            axes.axis("off")
        for row, images in zip(grid, rows, strict=True):
            for axes, image in zip(row, images, strict=False):
                axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        for name, row in zip(names, grid, strict=True):
            row[0].text(-0.25, 0.5, name, transform=row[0].transAxes, va="center", ha="right")
    name = Path(data.rstrip("/")).name
    what = f"{split.rows:,} training images of {name}, {height} × {width} pixels. "
    save(figure, out / f"samples_{name}", machine(), what)


def computation_graph(result: Result, out: Path) -> None:
    """The report's figures 2 and 3: the two jobs, with the numbers and seconds of a run."""
    with style():
        figure = graph_figure(steps(result), lanes(result), result.workers, result.seconds)
    versions = {name: v for name, v in result.versions.items() if name != "machine"}
    measured_on = machine() | {"versions": versions}
    what = f"{result.engine.capitalize()} job, {result.seconds['total']:.1f} s in all. "
    save(figure, out / f"graph_{result.engine}", measured_on, what)


def amdahl_curves(measured: Measured, out: Path) -> None:
    """At best, by Amdahl's law, with the spread of the repeats; and what was measured here."""
    workers = np.geomspace(1, max(WORKERS), 60)
    with style():
        figure = Figure((COLUMN, 3.4), layout="constrained")
        axes = figure.subplots()
        for number, (name, engine) in enumerate(measured["engines"].items()):
            share, colour = engine["shared_out"], SERIES[number]
            axes.plot(workers, limit(share, workers), color=colour,
                      label=f"{name}: {share:.1%} shared out")  # fmt: skip
            if "shared_out_range" in engine:
                low, high = (limit(each, workers) for each in engine["shared_out_range"])
                axes.fill_between(workers, low, high, color=colour, alpha=0.15, lw=0)
            if "speed_up" in engine:
                at = measured["cores_used"] * 1.03 ** (number - 2)  # beside one another
                ends = engine.get("speed_up_range", [engine["speed_up"]] * 2)
                spread = np.abs(np.array(ends) - engine["speed_up"])[:, None]
                axes.errorbar(at, engine["speed_up"], spread, fmt="osD^"[number % 4], color=colour,
                              markersize=4.5, capsize=3, lw=1)  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("workers")
        axes.set_title("Speed-up over one core: at best by Amdahl's law, and measured (marks)")
        axes.legend(loc="upper left", fontsize=8)
    cores = measured["cores_used"]
    above = [
        name for name, engine in measured["engines"].items()
        if engine.get("speed_up", 0) > limit(engine["shared_out"], cores)
    ]  # fmt: skip
    why = (
        f"\nAbove its line ({', '.join(above)}): it also solves systems side by side, which the "
        "line does not count, and all has a spread.\n"
        if above
        else ""
    )
    what = (
        f"{measured['images']:,} images, 10 λ; bands and bars: least to most of the repeats. {why}"
    )
    save(figure, out / "amdahl", measured["machine"], what)


def spark_speed_up(measured: Measured, out: Path) -> None:
    """How many times sooner each Spark job is done than the serial program, against images."""
    results = measured["results"]
    images = [each["images"] for each in results]
    start = measured["start_seconds"]
    with style():
        figure = Figure((COLUMN, 3.2), layout="constrained")
        axes = figure.subplots()
        for number, engine in enumerate(("outer", "inner")):
            colour, marker = SERIES[number], "os"[number]
            cold = [
                statistics.median(each["seconds"]["serial"])
                / (statistics.median(each["seconds"][engine]) + start)
                for each in results
            ]
            axes.plot(images, [each["speed_up"][engine] for each in results], color=colour,
                      marker=marker, label=engine)  # fmt: skip
            axes.plot(images, cold, color=colour, marker=marker, ls="--", lw=1, markersize=4,
                      label=f"{engine}, starting Spark included")  # fmt: skip
        axes.axhline(1, color=MUTED, lw=0.8, label="as fast as the serial program")
        axes.set_ylim(0)
        axes.set_title("Speed-up over the serial program, times")
        axes.set_xlabel("training images")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        figure.legend(loc="outside upper left", ncols=2, fontsize=8)
    slower = any(
        statistics.median(each["seconds"]["serial"])
        < start + min(statistics.median(each["seconds"][name]) for name in ("outer", "inner"))
        for each in results
    )
    why = (
        "\nBelow 1: Spark takes longer to start, and to hand out its tasks, than all the work.\n"
        if slower
        else ""
    )
    what = f"Spark {measured['master']}, 10 λ, a fifth of the images held out. {why}"
    save(figure, out / "spark_speedup", measured["machine"], what)


def against_the_report(measured: Measured, out: Path) -> None:
    """Seconds of the report's serial program and of the local engine, against images."""
    results = measured["results"]
    images = [each["images"] for each in results]
    with style():
        figure = Figure((COLUMN, 3.0), layout="constrained")
        axes = figure.subplots()
        for number, name in enumerate(results[0]["seconds"]):
            seconds = [statistics.median(each["seconds"][name]) for each in results]
            axes.plot(images, seconds, marker="osD"[number], color=SERIES[number], label=name)
        axes.set_yscale("log")
        axes.set_title("Seconds to the chosen model")
        axes.set_xlabel("training images")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        figure.legend(loc="outside upper left", ncols=3, fontsize=8)
    save(figure, out / "report_baseline", measured["machine"], "10 λ, 10 classes. ")


if __name__ == "__main__":
    main()
