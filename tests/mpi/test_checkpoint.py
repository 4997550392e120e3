"""A run that is cut short goes on from its checkpoint and ends with the same bits."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from mpi_hybrid.checkpoint import Checkpoint, Progressed
from ridge_spark.data.dataset import open_split
from ridge_spark.errors import InputError
from ridge_spark.ridge.statistics import Statistics
from tests.mpi.conftest import MpiRun
from tests.mpi.findings import LAMBDAS, LIMIT, agreed
from tests.support import draw_images

INTERRUPTED = Path(__file__).with_name("interrupted.py")
SEARCH = ("--limit", LIMIT, "--lambdas", LAMBDAS)
TRY_AGAIN = 75


@pytest.fixture
def expected(found_locally: dict[str, list[Any]]) -> list[Any]:
    """What a run that nothing happens to finds."""
    return found_locally["folds None"]


@pytest.fixture
def cut_short(mpirun: MpiRun, thumbnails: Path) -> MpiRun:
    """Run a mode on some ranks; rank 0 sends a signal after its second block."""

    def run(
        ranks: int, signal: str, target: str, *arguments: object
    ) -> subprocess.CompletedProcess[str]:
        return mpirun(
            ranks, INTERRUPTED, signal, 0, 2, target,
            *arguments, "--data", thumbnails, *SEARCH, "--out", "run",
        )  # fmt: skip

    return run


def resumed(done: subprocess.CompletedProcess[str]) -> int:
    """How many images the run found in the checkpoint."""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("resumed: ")]
    return int(line.split()[1].replace(",", ""))


@pytest.mark.parametrize(
    ("mode", "signal", "target"),
    [
        ("data", "SIGUSR1", "launcher"),
        ("model", "SIGUSR1", "launcher"),
        ("data", "SIGTERM", "rank"),
    ],
)
def test_a_signal_saves_and_stops_and_other_ranks_go_on(
    mode: str, signal: str, target: str, cut_short: MpiRun, hybrid: MpiRun, thumbnails: Path,
    tmp_path: Path, expected: list[Any],
) -> None:  # fmt: skip
    done = cut_short(3, signal, target, mode)
    assert done.returncode == TRY_AGAIN, done.stderr
    assert "run.checkpoint has what is done" in done.stderr
    assert not (tmp_path / "run").exists()

    other = {"data": "model", "model": "data"}[mode]
    again = hybrid(
        2, other, "--data", thumbnails, *SEARCH, "--out", "run", "--json", "--threads", 1
    )
    assert again.returncode == 0, again.stderr
    assert 0 < resumed(again) <= LIMIT
    assert agreed(json.loads(again.stdout)) == expected
    assert not (tmp_path / "run.checkpoint").exists()


def test_a_killed_run_resumes_from_what_was_saved_until_then(
    cut_short: MpiRun, hybrid: MpiRun, thumbnails: Path, expected: list[Any]
) -> None:
    """Twice, the second time on other ranks: files that took others over, and some that did not."""
    assert cut_short(2, "SIGKILL", "rank", "data", "--checkpoint", 0).returncode != 0
    second = cut_short(3, "SIGKILL", "rank", "data", "--checkpoint", 0)
    assert second.returncode != 0
    last = hybrid(1, "data", "--data", thumbnails, *SEARCH, "--out", "run", "--json")
    assert last.returncode == 0, last.stderr
    assert 0 < resumed(second) < resumed(last) < LIMIT
    assert agreed(json.loads(last.stdout)) == expected


def test_an_average_resumes_rank_by_rank(
    cut_short: MpiRun, hybrid: MpiRun, thumbnails: Path
) -> None:
    average = ("data", "--combine", "average")
    whole = hybrid(3, *average, "--data", thumbnails, *SEARCH, "--out", "whole", "--json")
    assert cut_short(3, "SIGUSR1", "launcher", *average).returncode == TRY_AGAIN
    again = hybrid(3, *average, "--data", thumbnails, *SEARCH, "--out", "run", "--json")
    assert again.returncode == 0, again.stderr
    assert resumed(again) > 0
    assert agreed(json.loads(again.stdout)) == agreed(json.loads(whole.stdout))


@pytest.mark.parametrize(
    "changed", [["--seed", 1], ["--folds", 3], ["--limit", 50_000], ["--combine", "average"]]
)
def test_a_checkpoint_of_another_run_is_refused(
    changed: list[object], cut_short: MpiRun, hybrid: MpiRun, thumbnails: Path, tmp_path: Path
) -> None:
    assert cut_short(2, "SIGTERM", "rank", "data").returncode == TRY_AGAIN
    kept = sorted((tmp_path / "run.checkpoint").iterdir())
    arguments = ["data", "--data", thumbnails, *SEARCH, "--out", "run", *changed]
    done = hybrid(2, *arguments)
    assert done.returncode == 2
    assert "run.checkpoint: the checkpoint is of other images or options" in done.stderr
    assert sorted((tmp_path / "run.checkpoint").iterdir()) == kept


def test_a_damaged_checkpoint_is_named(
    cut_short: MpiRun, hybrid: MpiRun, thumbnails: Path, tmp_path: Path
) -> None:
    assert cut_short(2, "SIGTERM", "rank", "data").returncode == TRY_AGAIN
    file = next((tmp_path / "run.checkpoint").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-100])
    done = hybrid(2, "data", "--data", thumbnails, *SEARCH, "--out", "run")
    assert done.returncode == 2
    assert file.name in done.stderr
    assert "remove it" in done.stderr


def test_images_that_have_changed_meanwhile_are_noticed(
    mpirun: MpiRun, hybrid: MpiRun, thumbnails: Path, tmp_path: Path
) -> None:
    shutil.copytree(thumbnails, tmp_path / "copy")
    done = mpirun(2, INTERRUPTED, "SIGTERM", 0, 1, "rank", "data", "--data", "copy", "--out", "run")
    assert done.returncode == TRY_AGAIN, done.stderr
    Path(open_split(str(tmp_path / "copy"), "train").blocks[0].path).touch()
    again = hybrid(2, "data", "--data", "copy", "--out", "run")
    assert again.returncode == 2
    assert "other images or options" in again.stderr


def test_rows_that_two_files_cover_count_once(tmp_path: Path) -> None:
    """As after a crash between a file that has taken another over and the end of that other."""
    out, rows = str(tmp_path / "run"), [[(0, 10)], [(0, 10), (20, 30)], [(40, 45)]]
    for rank, ranges in enumerate(rows):
        Checkpoint(out, "this run", 0, rank).write(Progressed([Statistics.zeros(2, 3)], ranges))
    found = Checkpoint(out, "this run", 0, 0).find()
    assert [(part.rank, part.rows) for part in found] == [(1, rows[1]), (2, rows[2])]


@pytest.mark.parametrize("damage", ["counts", "sums", "gram", "rows", "rank"])
def test_one_changed_number_in_a_checkpoint_is_noticed(damage: str, tmp_path: Path) -> None:
    images, labels = draw_images(50, 6, 2)
    checkpoint = Checkpoint(str(tmp_path / "run"), "this run", 0, 0)
    checkpoint.write(Progressed([Statistics.of(images, labels, 2)], [(0, 50)]))
    (path,) = (tmp_path / "run.checkpoint").iterdir()
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if damage in about:
        about[damage] = {"rows": "[[0, 49]]", "rank": "1"}[damage]
    else:
        tensors[f"{damage}.0"].flat[1] += 1
    save_file(tensors, path, metadata=about)
    again = Checkpoint(str(tmp_path / "run"), "this run", 0, 0)
    with pytest.raises(InputError, match=rf"{path.name}: is damaged.*remove it"):
        again.take_up(again.find())


def test_a_run_goes_on_where_no_checkpoint_can_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run.checkpoint").write_text("a file where the folder should be")
    checkpoint = Checkpoint(str(tmp_path / "run"), "this run", 0, 0)
    checkpoint.write(Progressed([Statistics.zeros(2, 3)], [(0, 5)]))
    assert "goes on without" in caplog.text
    assert not checkpoint.due()
