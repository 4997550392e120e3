"""What is kept on disk is only read back if it is whole and nobody else could have written it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ridge_spark.ridge.kernel.cache import LARGEST, kept

CONTENT = bytes(range(256)) * 40


class Maker:
    """Makes the content, and counts how often it had to."""

    made = 0

    def __call__(self) -> bytes:
        self.made += 1
        return CONTENT


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """With a cache, and a temporary directory, of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return Maker()


@pytest.fixture
def file(make: Maker, tmp_path: Path) -> Path:
    """What has been kept once."""
    kept("code", make)
    make.made = 0
    return tmp_path / "cache" / "ridge-spark" / "code"


def test_it_is_made_once(make: Maker) -> None:
    assert [kept("code", make) for _ in range(3)] == [CONTENT] * 3
    assert make.made == 1


def test_another_name_is_another_thing(make: Maker, file: Path) -> None:
    assert kept("code", make) == kept("more", make) == CONTENT
    assert make.made == 1


def test_a_failure_to_make_it_leaves_nothing(make: Maker, tmp_path: Path) -> None:
    def fail() -> bytes:
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError, match="no compiler"):
        kept("code", fail)
    assert not (tmp_path / "cache").exists()


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def replace_by_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))


def replace_by_linked_directory(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))
    file.parent.symlink_to("elsewhere")


def replace_by_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def replace_by_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def give_away(path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 65534, 65534)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut short": lambda file: os.truncate(file, 5000),
    "empty": lambda file: os.truncate(file, 0),
    "a bit flipped": flip_a_bit,
    "too large": lambda file: os.truncate(file, LARGEST + 1),
    "gone": Path.unlink,
    "a link": replace_by_link,
    "a pipe": replace_by_pipe,
    "a directory": replace_by_directory,
    "in a directory that is a link": replace_by_linked_directory,
    "others may write it": lambda file: file.chmod(0o602),
    "the group may write it": lambda file: file.chmod(0o620),
    "others may write the directory": lambda file: file.parent.chmod(0o702),
    "the group may write the directory": lambda file: file.parent.chmod(0o720),
    "someone else's": give_away,
    "in someone else's directory": lambda file: give_away(file.parent),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_can_not_be_trusted_is_made_anew(make: Maker, file: Path, damage: str) -> None:
    DAMAGE[damage](file)
    assert kept("code", make) == CONTENT
    assert make.made == 1
    assert kept("code", make) == CONTENT
    assert make.made == 1, "it was kept again, here or in the temporary directory"


@pytest.mark.parametrize("variable", ["/dev/null/cache", "relative", "/proc/none", "\0"])
def test_a_cache_that_can_not_be_written(
    make: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "XDG_CACHE_HOME": variable})
    monkeypatch.chdir(tmp_path)
    assert kept("code", make) == kept("code", make) == CONTENT
    assert make.made == 1
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]


def test_a_full_disk_leaves_nothing_half_written(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full fails as a full disk does: on writing, not on opening."""
    open_file = os.open

    def open_on_full_disk(path: str, flags: int, *rest: int, **keywords: int) -> int:
        opened = open_file(path, flags, *rest, **keywords)
        if flags & os.O_CREAT:
            os.dup2(full, opened)
        return opened

    full = open_file("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(os, "open", open_on_full_disk)
    assert kept("code", make) == CONTENT
    os.close(full)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
