"""The drawn hands: the same for a seed, all different, and about as hard as the report's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.hands import draw_hand, write_hands
from tests.support import ROOT, run_command


def hand(fingers: int, number: int, size=(40, 60)) -> np.ndarray:
    return np.asarray(draw_hand(fingers, size, np.random.default_rng([0, number])))


def test_hands_are_black_and_white_and_differ():
    hands = [hand(number % 6, number) for number in range(60)]
    assert {image.shape for image in hands} == {(40, 60)}
    assert set(np.unique(hands)) == {0, 255}
    assert len({image.tobytes() for image in hands}) == 60


def test_more_fingers_are_more_white_above_the_palm():
    shares = [
        np.mean([hand(fingers, number, (120, 180))[:50].mean() for number in range(30)])
        for fingers in range(6)
    ]
    assert shares[:5] == sorted(shares[:5])
    assert shares[5] > shares[3]


def test_the_same_seed_gives_the_same_files_on_any_number_of_processes(tmp_path):
    for name, workers in (("one", 1), ("three", 3)):
        write_hands(tmp_path / name, (40, 60), 450, 7, workers)
    one, three = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in tmp_path.glob(f"{name}/*/*")
        }
        for name in ("one", "three")
    )
    assert one == three
    assert len(one) == 450


def test_the_program_writes_a_folder_to_import(tmp_path):
    command = [sys.executable, "-m", "benchmarks.hands", "--out", tmp_path / "x", "--images", "12"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == list("012345")
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.slow
def test_a_model_finds_them_as_hard_as_the_report_did(home: Path, tmp_path: Path):
    write_hands(tmp_path / "png", (40, 60), 16_000, 0, 2)
    prepare = ("--gray", "--threshold", 0.5)
    run_command("import", "folder", "png", *prepare, "--out", "data", cwd=tmp_path, home=home)
    train = ("train", "--data", "data", "--lambdas", "100,1000", "--out", "run", "--json")
    result = json.loads(run_command(*train, cwd=tmp_path, home=home))
    assert 0.80 <= result["test_accuracy"] <= 0.95
