"""Shards that are replaced while they are read: nothing is made of what was read of both."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ridge_spark.data import dataset
from ridge_spark.data.dataset import open_split, read_block, read_blocks, read_split
from ridge_spark.data.writer import write_dataset
from ridge_spark.errors import InputError
from tests.support import assert_refused, call_main


@pytest.fixture
def data(small_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_data, tmp_path / "data"))


@pytest.fixture
def other(small_data: Path, tmp_path: Path) -> Path:
    """The same labels and shards, and other pixels."""
    splits = {name: open_split(str(small_data), name) for name in ("train", "test")}
    turned = {
        name: [(255 - block.images, block.labels) for block in read_blocks(split.blocks)]
        for name, split in splits.items()
    }
    write_dataset(str(tmp_path / "other"), splits["train"].description, turned)
    return tmp_path / "other"


def replace(data: Path, other: Path, split: str) -> None:
    for path in (data / split).iterdir():
        shutil.copy(other / split / path.name, path)


@pytest.mark.parametrize("listed", [True, False], ids=["manifest", "no manifest"])
@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_it_is_noticed_when_all_is_read(how: str, listed: bool, data: Path, other: Path) -> None:
    if not listed:
        (data / "manifest.json").unlink()
    split = open_split(str(data), "train")
    assert sum(len(block.labels) for block in read_split(split)) == split.rows  # nothing happens
    if how == "replaced":
        replace(data, other, "train")
    else:
        next((data / "train").iterdir()).unlink()
    for part in (split, split.limited(10)):
        with pytest.raises(InputError, match=f"part-.*: has been {how} while it was read; run"):
            part.require_unchanged()


def test_one_of_the_same_size_is_told_by_its_time(data: Path) -> None:
    """Without a manifest; with one, its hash says that it is only a copy of what was there."""
    shard = next((data / "train").iterdir())
    listed = open_split(str(data), "train")
    (data / "manifest.json").unlink()
    split = open_split(str(data), "train")
    os.utime(shard)
    listed.require_unchanged()
    with pytest.raises(InputError, match="has been replaced"):
        split.require_unchanged()
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match="has been replaced"):
        listed.require_unchanged()


COMMANDS = {
    "train": ("train", "--data", "data", "--out", "new", "--lambdas", "1", "--no-report"),
    "test": ("train", "--data", "data", "--out", "new", "--lambdas", "1", "--no-report"),
    "update": ("update", "--model", "run", "--add", "data", "--out", "new", "--no-report"),
    "evaluate": ("evaluate", "--model", "run", "--data", "data"),
    "compare": ("compare", "run", "run", "--data", "data"),
    "predict": ("predict", "--model", "run", "data", "--csv"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_makes_anything_of_them(
    name: str, small_data: Path, data: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first block of a split is read as it was, and then all its shards are others."""
    monkeypatch.chdir(data.parent)
    call_main("train", "--data", small_data, "--out", "run", "--lambdas", "1", "--no-report")
    replaced = "train" if name in ("train", "update") else "test"
    met: list[str] = []

    def read_and_replace(block: dataset.BlockDescriptor) -> object:
        found = read_block(block)
        split = Path(block.path).parent
        if split.name == replaced and split.parent == data and not met:
            met.append(block.path)
            replace(data, other, replaced)
        return found

    for module in ("ridge_spark.data.dataset", "ridge_spark.engines.read_ahead"):
        monkeypatch.setattr(f"{module}.read_block", read_and_replace)
    done = call_main(*COMMANDS[name])
    assert met
    assert_refused(done, f"{replaced}/part-", "has been replaced while it was read")
    assert not Path("new").exists()
    assert not done.stdout or name == "predict"
