"""The figure of Amdahl's law for one rank: measured, split and fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from report_figures import COLUMN, save, style

from ridge_spark.report.svg import INK, SERIES


def amdahl_plot(measured: dict[str, Any], out: Path) -> None:
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
