"""Spark tasks leave a record of when they ran and who did them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.report.reader import Page
from tests.support import Command

CLOCKS = 0.05  # seconds that two clocks of one machine may be apart


@pytest.mark.parametrize("engine", ["outer", "inner"])
def test_every_task_is_recorded(engine: str, dots: Path, program: Command, tmp_path: Path) -> None:
    done = program(
        "train", "--engine", engine, "--data", dots, "--out", tmp_path / "run", "--folds", 2
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    stages = {stage["stage"]: stage for stage in result["stages"]}
    assert {task["stage"] for task in result["tasks"]} >= {"statistics", "score", "test"}
    for stage, rows in {"statistics": 900, "score": 900, "test": 300}.items():
        ran = [task for task in result["tasks"] if task["stage"] == stage]
        assert f"{stage}: {rows} images in" in done.stderr
        for task in ran:
            assert stages[stage]["start"] - CLOCKS <= task["start"] <= task["end"]
            assert task["end"] <= stages[stage]["end"] + CLOCKS
    assert result["peak_rss_mb"] >= max(task["peak_rss_mb"] for task in result["tasks"]) > 0
    text = Page((tmp_path / "run" / "report.html").read_text()).text
    for task in result["tasks"]:
        assert task["worker"] in text
