"""The figures of the MPI hybrid: three heat maps for each mode, and Amdahl's law for one rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from drawing import COLUMN, INK, SERIES, Measured, save, style
from matplotlib.figure import Figure

HEAT_MAPS = {
    "speed_up": "Speed-up",
    "scaled_speed_up": "Scaled speed-up",
    "efficiency": "Efficiency",
}


def hybrid_figures(measured: Measured, out: Path) -> None:
    """All of them."""
    heat_maps(measured, out)
    amdahl_plot(measured, out)


def heat_maps(measured: Measured, out: Path) -> None:
    """Ranks across, threads down, one map for each mode and each of HEAT_MAPS."""
    results = measured["results"]
    for mode in dict.fromkeys(each["mode"] for each in results):
        cells = [each for each in results if each["mode"] == mode]
        ranks = sorted({each["ranks"] for each in cells})
        threads = sorted({each["threads"] for each in cells})
        with style():
            figure = Figure((COLUMN, 0.9 + 0.5 * len(threads)), layout="constrained")
            for axes, (key, title) in zip(figure.subplots(1, 3), HEAT_MAPS.items(), strict=True):
                values = np.full((len(threads), len(ranks)), np.nan)
                for each in cells:
                    values[threads.index(each["threads"]), ranks.index(each["ranks"])] = each[key]
                axes.imshow(values, cmap="cividis", vmin=0, aspect="auto")
                for (row, column), value in np.ndenumerate(values):
                    if np.isfinite(value):
                        dark = value < 0.6 * np.nanmax(values)
                        axes.text(column, row, f"{value:.2f}", ha="center", va="center",
                                  color="white" if dark else "black")  # fmt: skip
                axes.set_xticks(range(len(ranks)), ranks)
                axes.set_yticks(range(len(threads)), threads)
                axes.grid(visible=False)
                axes.set(title=title, xlabel="ranks")
            figure.axes[0].set_ylabel("threads")
        save(figure, out / f"hybrid_{mode}", measured["machine"], f"MPI, {mode} parallel. ")


def amdahl_plot(measured: Measured, out: Path) -> None:
    """Seconds of one rank against its threads: work and overhead as bars, the fit as a line."""
    modes = measured["amdahl"]
    with style():
        figure = Figure((COLUMN, 3.0), layout="constrained")
        panels = figure.subplots(1, len(modes), squeeze=False, sharey=True)[0]
        for axes, (mode, fitted) in zip(panels, modes.items(), strict=True):
            alone = [c for c in measured["results"] if c["mode"] == mode and c["ranks"] == 1]
            at = np.arange(len(alone))
            work = np.array([cell["parallel_seconds"] for cell in alone])
            rest = np.array([cell["overhead_seconds"] for cell in alone])
            axes.bar(at, work, 0.6, color=SERIES[0], label="work")
            axes.bar(at, rest, 0.6, bottom=work, color=SERIES[4], label="overhead")
            threads, f = np.array(fitted["threads"]), fitted["serial_fraction"]
            if np.isfinite(f):
                line = fitted["seconds"][0] * (f + (1 - f) / threads)
                axes.plot(at, line, "o--", color=INK, label="Amdahl's law")
            axes.set_xticks(at, threads)
            axes.grid(visible=False, axis="x")
            title = f"{mode}: serial fraction {f:.3f}" if np.isfinite(f) else mode
            axes.set(title=title, xlabel="threads of one rank")
        panels[0].set_ylabel("seconds")
        panels[0].legend(fontsize=8)
    images = max(cell["images"] for cell in measured["results"])
    save(figure, out / "hybrid_amdahl", measured["machine"], f"MPI, {images:,} images. ")
