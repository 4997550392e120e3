"""The report's figures: from measurements alone, and against a baseline that does its job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.report.dots import write_dots
from tests.support import HANGS, ROOT, Command

MACHINE = {"processor": "A machine", "cores": 2, "versions": {"python": "3.11"}}
AMDAHL = {
    "images": 600,
    "cores_used": 2,
    "engines": {
        "serial program": {"seconds": 3.0, "shared_out": 0.9},
        "local": {
            "seconds": 1.0,
            "shared_out": 0.5,
            "shared_out_range": [0.45, 0.52],
            "speed_up": 1.4,
            "speed_up_range": [1.3, 1.45],
        },
    },
}
SPEED_UP = {
    "master": "local[2]",
    "start_seconds": 3.0,
    "results": [
        {
            "images": images,
            "seconds": {"serial": [5.0], "outer": [1.0], "inner": [2.0]},
            "speed_up": {"outer": 5.0, "inner": 2.5},
        }
        for images in (1000, 2000)
    ],
}
HYBRID = {
    "results": [
        {"mode": mode, "ranks": ranks, "threads": threads, "images": 600, "efficiency": 0.9,
         "speed_up": ranks * threads * 0.9, "scaled_speed_up": ranks * threads * 0.95,
         "parallel_seconds": 1 / ranks / threads, "overhead_seconds": 0.2}
        for mode in ("model", "data")
        for ranks, threads in ((1, 1), (1, 2), (2, 1))
    ],
    "amdahl": {
        mode: {"threads": [1, 2], "seconds": [1.2, 0.7], "serial_fraction": 0.1667}
        for mode in ("model", "data")
    },
}  # fmt: skip


def draw(data: Path, bench: Path, out: Path) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, ROOT / "benchmarks" / "report_figures.py"]
    return subprocess.run(
        [*script, "--data", data, "--bench", bench, "--out", out],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=HANGS,
    )  # fmt: skip


def test_each_figure_comes_from_what_was_measured(ridge_spark: Command, tmp_path: Path) -> None:
    data = write_dots(tmp_path / "dots", {"train": 300, "test": 100})
    bench, out = tmp_path / "bench", tmp_path / "figures"
    for engine in ("outer", "inner"):  # drawn for what result.json says, whoever ran it
        done = ridge_spark("train", "--data", data, "--out", bench / engine)
        assert done.returncode == 0, done.stderr
        result = json.loads((bench / engine / "result.json").read_text())
        (bench / engine / "result.json").write_text(json.dumps({**result, "engine": engine}))
    for name, measured in (("amdahl", AMDAHL), ("spark_speedup", SPEED_UP), ("hybrid", HYBRID)):
        (bench / f"{name}.json").write_text(json.dumps({"machine": MACHINE, **measured}))

    done = draw(data, bench, out)

    assert done.returncode == 0, done.stderr
    names = {
        "amdahl", "graph_inner", "graph_outer", "hybrid_amdahl", "hybrid_data", "hybrid_model",
        "samples_dots", "spark_speedup",
    }  # fmt: skip
    assert {path.name for path in out.iterdir()} == {
        name + suffix for name in names for suffix in (".png", ".svg")
    }
    for path in out.glob("*.png"):
        image = np.asarray(Image.open(path).convert("L"))
        assert image.min() < 100
        assert image.max() == 255
    assert "report_baseline.json: not measured, so its figure is left out" in done.stderr


def test_the_serial_program_finds_what_ours_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import report_baseline

    data = write_dots(tmp_path / "dots", {"train": 2000, "test": 10})
    serial = report_baseline.serial(str(data), 1500)
    ours = report_baseline.ours(str(data), 1500, 1)
    assert serial.best_lambda == ours.model.lam
    np.testing.assert_allclose(serial.accuracy, ours.validation_accuracy, atol=1e-12)
    assert 0.5 < max(serial.accuracy) < 1


def test_amdahl_knows_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from amdahl import limit

    assert limit(0.0, 1000) == 1
    assert limit(1.0, 8) == 8
    assert limit(0.5, 2) == pytest.approx(4 / 3)
    assert limit(0.95, 10**9) == pytest.approx(20)
