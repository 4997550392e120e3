"""A run is what its manifest lists: what is damaged, missing or foreign is one clear line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.runs.directory import read_run
from ridge_spark.runs.verification import verify_run, write_run_manifest
from tests.support import assert_refused

FILES = ("manifest.json", "model.safetensors", "result.json", "statistics.safetensors")


@pytest.fixture
def run(small_runs: Path, tmp_path: Path) -> Path:
    shutil.copytree(small_runs / "trained", tmp_path / "run")
    return tmp_path / "run"


def flip(path: Path, place: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)


def test_every_file_is_listed(run: Path) -> None:
    about = json.loads((run / "manifest.json").read_text())
    result = json.loads((run / "result.json").read_text())
    assert {file["name"] for file in about["files"]} | {"manifest.json"} == {
        path.name for path in run.iterdir()
    }
    for key in ("model_sha256", "statistics_sha256"):
        assert about[key] == result[key]


@pytest.mark.parametrize("name", [*FILES, "report.html"])
def test_a_flipped_bit_in_any_file_is_one_line(run: Path, name: str) -> None:
    whole = (run / name).read_bytes()
    for place in range(0, len(whole), 1 + len(whole) // 60):
        flip(run / name, place, place % 8)
        with pytest.raises(InputError, match=name.replace(".", r"\.")) as refused:
            verify_run(str(run))
        assert "\n" not in str(refused.value)
        (run / name).write_bytes(whole)
    assert verify_run(str(run)) == 5


@pytest.mark.parametrize("name", FILES)
def test_what_is_read_is_compared(run: Path, name: str) -> None:
    """Opening compares what it reads anyway: statistics where the mean images are wanted."""
    flip(run / name, -20)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_run(str(run), means=True)


def test_every_command_that_opens_a_run_refuses_it_in_a_line(
    ridge_spark, run: Path, small_data: Path
) -> None:
    flip(run / "model.safetensors", -9)
    for arguments in (
        ("predict", "--model", run, small_data),
        ("evaluate", "--model", run, "--data", small_data),
        ("update", "--model", run, "--add", small_data, "--out", "new"),
        ("export", "--model", run, "--onnx", "model.onnx"),
        ("report", run),
        ("verify", run),
    ):
        assert_refused(ridge_spark(*arguments), "model.safetensors", "SHA-256")


def test_a_page_that_was_edited_keeps_nobody_from_predicting(run: Path) -> None:
    (run / "report.html").write_text("mine")
    read_run(str(run), means=True)
    with pytest.raises(InputError, match="ridge-spark report RUN"):
        verify_run(str(run))


def test_a_page_that_is_drawn_again_is_as_written(ridge_spark, run: Path) -> None:
    for arguments in (("report", run), ("report", run, "--out", run / "report.html")):
        page = (run / "report.html").read_text()
        (run / "report.html").write_text(page + "<!-- edited -->")
        assert ridge_spark(*arguments).returncode == 0
        assert ridge_spark("verify", run).stdout == f"{run}: as written, 5 files\n"


@pytest.mark.parametrize("name", ["model.safetensors", "statistics.safetensors", "result.json"])
@pytest.mark.parametrize("listed", [True, False])
def test_a_run_without_one_of_its_files_is_none(run: Path, name: str, listed: bool) -> None:
    """With a manifest or, as when it was killed while it was uploaded, without."""
    if not listed:
        (run / "manifest.json").unlink()
    (run / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        read_run(str(run))


def test_files_of_another_run_are_refused(run: Path, small_runs: Path) -> None:
    for name in ("model.safetensors", "statistics.safetensors", "result.json"):
        shutil.copy(small_runs / "updated" / name, run / name)
        with pytest.raises(InputError, match=name):
            read_run(str(run), means=True)
        shutil.copy(small_runs / "trained" / name, run / name)


def test_runs_of_before_are_read_with_a_line_and_can_be_given_a_manifest(
    run: Path, ridge_spark, small_data: Path
) -> None:
    text = (run / "manifest.json").read_bytes()
    (run / "manifest.json").unlink()
    assert_refused(ridge_spark("verify", run), "verify --write")
    done = ridge_spark("evaluate", "--model", run, "--data", small_data)
    assert done.returncode == 0
    assert "verify --write" in done.stderr
    assert ridge_spark("verify", run, "--write").stdout == f"{run}: manifest of 4 files written\n"
    assert (run / "manifest.json").read_bytes() == text
    assert_refused(ridge_spark("verify", run, "--write"), "has a manifest.json already")


def test_what_does_not_belong_together_gets_no_manifest(run: Path, small_runs: Path) -> None:
    (run / "manifest.json").unlink()
    shutil.copy(small_runs / "updated" / "statistics.safetensors", run)
    with pytest.raises(InputError, match="of another run"):
        write_run_manifest(str(run))
    assert not (run / "manifest.json").exists()


def test_a_model_file_alone_knows_its_own_hash(run: Path) -> None:
    """Wherever a bit of it is flipped, it is refused; or the file says what it said."""
    path = run / "model.safetensors"
    whole, model = path.read_bytes(), Model.load(path)
    for place in range(0, len(whole), 1 + len(whole) // 200):
        flip(path, place, place % 8)
        try:
            found = Model.load(path)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - or no error at all
        else:
            assert found.sha256() == model.sha256()
            assert vars(found) == {**vars(found), "shape": model.shape, "lam": model.lam}
            assert found.class_names == model.class_names
        path.write_bytes(whole)
