"""Compiled once, then read from disk: whatever happens to the disk, the sums are right."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from ridge_spark.ridge.kernel.choose import runnable_kernels
from tests.kernel.worker import ROOT, answer_of, run_worker, start_worker

pytestmark = pytest.mark.skipif(
    runnable_kernels() == ["portable"], reason="nothing is compiled for this processor"
)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that a first process has filled."""
    cache = tmp_path_factory.mktemp("cache")
    first = run_worker(cache, XDG_CACHE_HOME=cache)
    assert first.right
    assert first.compiled
    return cache


@pytest.fixture
def cache(warm: Path, tmp_path: Path) -> Path:
    """A copy of the filled cache, to be spoilt."""
    shutil.copytree(warm, tmp_path / "cache")
    return tmp_path / "cache"


def files(cache: Path) -> list[Path]:
    return list((cache / "ridge-spark").iterdir())


def test_the_second_process_does_not_even_import_the_compiler(warm: Path) -> None:
    second = run_worker(warm, XDG_CACHE_HOME=warm)
    assert second.right
    assert not second.compiled


def test_only_the_owner_may_touch_what_is_kept(warm: Path) -> None:
    assert stat.S_IMODE((warm / "ridge-spark").stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in files(warm)] == [0o600]


def test_damaged_code_is_compiled_anew(cache: Path, tmp_path: Path) -> None:
    file = files(cache)[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert run_worker(tmp_path, XDG_CACHE_HOME=cache).compiled
    assert not run_worker(tmp_path, XDG_CACHE_HOME=cache).compiled


def test_without_a_home_the_temporary_directory_serves(tmp_path: Path) -> None:
    places = {"HOME": "/proc/no/home", "TMPDIR": tmp_path}
    assert run_worker(tmp_path, **places).compiled
    assert not run_worker(tmp_path, **places).compiled
    assert [path.name for path in tmp_path.iterdir()] == [f"ridge-spark-{os.getuid()}"]


def test_with_nowhere_to_write_it_still_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "below"
    # The name of the fallback directory is taken by a file of the wrong kind.
    (tmp_path / f"ridge-spark-{os.getuid()}").touch()
    answer = run_worker(tmp_path, XDG_CACHE_HOME=nowhere, TMPDIR=tmp_path)
    assert answer.right
    assert answer.compiled
    assert answer.errors == ""


def test_several_first_processes_at_once(tmp_path: Path) -> None:
    workers = [start_worker(tmp_path, XDG_CACHE_HOME=tmp_path) for _ in range(3)]
    assert all(answer_of(worker).right for worker in workers)
    assert len(files(tmp_path)) == 1, "one file, and nothing half written beside it"
    assert not run_worker(tmp_path, XDG_CACHE_HOME=tmp_path).compiled


def test_from_a_zip(tmp_path: Path) -> None:
    """The way Spark brings the package to its workers."""
    archive = tmp_path / "ridge_spark.zip"
    with zipfile.ZipFile(archive, "w") as package:
        for file in (ROOT / "ridge_spark").rglob("*.py"):
            package.write(file, file.relative_to(ROOT))
    cold = run_worker(tmp_path, path=[archive], XDG_CACHE_HOME=tmp_path)
    warm = run_worker(tmp_path, path=[archive], XDG_CACHE_HOME=tmp_path)
    assert cold.code.startswith(str(archive))
    assert cold.right
    assert cold.compiled
    assert warm.right
    assert not warm.compiled


def test_changed_sources_are_compiled_anew(cache: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ridge_spark", tmp_path / "code" / "ridge_spark")
    source = tmp_path / "code" / "ridge_spark" / "ridge" / "kernel" / "packing.py"
    source.write_text(source.read_text() + "# changed\n")
    answer = run_worker(tmp_path, path=[tmp_path / "code"], XDG_CACHE_HOME=cache)
    assert answer.right
    assert answer.compiled
    assert len(files(cache)) == 2
