"""A data set is what its manifest lists: what is missing, doubled, foreign or cut short is told."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading

import numpy as np
import pytest

from ridge_spark.data.dataset import find_split, find_splits, open_split, read_blocks
from ridge_spark.data.description import Description
from ridge_spark.data.manifest import Manifest
from ridge_spark.data.sealed import seal
from ridge_spark.data.writer import DatasetWriter, PartWriter, write_dataset
from ridge_spark.errors import InputError
from tests.support import assert_refused, draw_images

ABOUT = Description((3, 2, 1), ("a", "b"), "drawn")


@pytest.fixture
def data(tmp_path):
    """Two shards of training images, one of test images."""
    splits = {"train": [draw_images(9 * 4096, 6, 2)], "test": [draw_images(100, 6, 2)]}
    write_dataset(str(tmp_path / "data"), ABOUT, splits)
    return tmp_path / "data"


def manifest_of(data):
    return json.loads((data / "manifest.json").read_text())


def write_manifest(data, about):
    """A manifest that says this, and that it has been written so."""
    (data / "manifest.json").write_bytes(seal({k: v for k, v in about.items() if k != "sha256"}))


def test_every_shard_is_listed_as_it_is(data):
    about = manifest_of(data)
    assert (about["shape"], about["class_names"]) == ([3, 2, 1], ["a", "b"])
    assert {split: len(shards) for split, shards in about["splits"].items()} == {
        "train": 2,
        "test": 1,
    }
    first_row = 0
    _, labels = draw_images(9 * 4096, 6, 2)
    for shard in about["splits"]["train"]:
        content = (data / "train" / shard["name"]).read_bytes()
        assert (shard["bytes"], shard["sha256"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        rows = slice(first_row, first_row + sum(shard["blocks"]))
        assert shard["counts"] == np.bincount(labels[rows], minlength=2).tolist()
        first_row = rows.stop
    assert first_row == len(labels)


def remove(data):
    (data / "train" / "part-00001.parquet").unlink()


def double(data):
    shutil.copy(data / "train" / "part-00000.parquet", data / "train" / "part-00002.parquet")


def mix_in_a_test_shard(data):
    shutil.copy(data / "test" / "part-00000.parquet", data / "train" / "part-test.parquet")


def exchange(data):
    shutil.copy(data / "test" / "part-00000.parquet", data / "train" / "part-00001.parquet")


def cut_short(data):
    with open(data / "train" / "part-00001.parquet", "r+b") as file:
        file.truncate(1000)


@pytest.mark.parametrize("fault", [remove, double, mix_in_a_test_shard, exchange, cut_short])
def test_shards_that_are_not_those_listed_are_refused(data, fault):
    fault(data)
    with pytest.raises(InputError, match=r"train/part-.*manifest\.json.*import") as refused:
        open_split(str(data), "train")
    assert "\n" not in str(refused.value)
    assert open_split(str(data), "test").rows == 100


def test_a_split_that_is_gone_is_told_not_taken_for_none(data):
    shutil.rmtree(data / "test")
    for search in (lambda: find_split(str(data), "test"), lambda: find_splits(str(data))):
        with pytest.raises(InputError, match="is missing"):
            search()


def test_a_split_that_the_manifest_does_not_know_is_refused(tmp_path):
    write_dataset(str(tmp_path / "one"), ABOUT, {"train": [draw_images(100, 6, 2)]})
    assert find_split(str(tmp_path / "one"), "test") is None
    (tmp_path / "one" / "test").mkdir()
    shutil.copy(tmp_path / "one" / "train" / "part-00000.parquet", tmp_path / "one" / "test")
    with pytest.raises(InputError, match="no such split"):
        find_split(str(tmp_path / "one"), "test")


def test_a_folder_that_can_t_be_read_is_not_a_folder_that_is_not_there(data, ridge_spark):
    """Root may list anything: the file system must refuse by itself, as it does such a link."""
    shutil.rmtree(data / "test")
    os.symlink("test", data / "test")  # a link to itself: it is there, and can't be listed
    with pytest.raises(InputError, match="can't be read"):
        find_splits(str(data))
    assert_refused(ridge_spark("train", "--data", data, "--out", "run"), data / "test")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"shape": [3, 2]},
        {"class_names": ["a"]},
        {"splits": {}},
        {"splits": {"../elsewhere": []}},
        {"splits": {"train": [{}]}},
        {"splits": 5},
        {"writing": None},
    ],
    ids=str,
)
def test_a_damaged_manifest_is_refused(data, change):
    write_manifest(data, {**manifest_of(data), **change})
    with pytest.raises(InputError, match=r"manifest\.json"):
        open_split(str(data), "train")


def test_a_shard_that_is_listed_twice_is_refused(data):
    about = manifest_of(data)
    about["splits"]["train"] *= 2
    write_manifest(data, about)
    with pytest.raises(InputError, match=r"manifest\.json"):
        open_split(str(data), "train")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../test/part-00000.parquet"},
        {"name": "part.json"},
        {"bytes": -1},
        {"bytes": True},
        {"sha256": "0" * 63},
        {"blocks": [4096.0]},
        {"blocks": [1]},
        {"counts": [1]},
        {"counts": [-1, 101]},
    ],
    ids=str,
)
def test_a_damaged_entry_is_refused(data, change):
    about = manifest_of(data)
    about["splits"]["test"][0].update(change)
    write_manifest(data, about)
    with pytest.raises(InputError, match=r"manifest\.json"):
        open_split(str(data), "train")


def test_one_bit_anywhere_in_a_manifest_is_noticed(data):
    """Also in a class name, which nothing but the manifest's own hash could tell."""
    text = (data / "manifest.json").read_bytes()
    for place in range(0, len(text), 7):
        damaged = bytearray(text)
        damaged[place] ^= 1 << place % 8
        (data / "manifest.json").write_bytes(damaged)
        with pytest.raises(InputError, match=r"manifest\.json"):
            open_split(str(data), "train")


def test_the_first_manifests_had_no_hash_and_are_read(data):
    about = manifest_of(data)
    del about["sha256"]
    (data / "manifest.json").write_text(json.dumps(about))
    assert open_split(str(data), "test").rows == 100


def test_what_nests_deeply_is_refused(data):
    (data / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"manifest\.json"):
        open_split(str(data), "train")


def test_a_manifest_comes_back_as_it_was(data):
    text = (data / "manifest.json").read_bytes()
    assert Manifest.from_json(text, "there").to_json() == text


class TestAttempts:
    """Whatever is tried twice, killed or late: one attempt is in the data set, whole."""

    def write_part(self, writer, seed, *, close=True):
        part = PartWriter(writer.unfinished, ABOUT, "part-0000001", writer.writing)
        part.append("train", *draw_images(500, 6, 2, seed))
        if close:
            part.close()
        return part

    def read(self, folder):
        return np.vstack([b.images for b in read_blocks(open_split(str(folder), "train").blocks)])

    def test_of_two_attempts_the_one_that_was_chosen_counts(self, tmp_path):
        with DatasetWriter(str(tmp_path / "data"), ABOUT) as writer:
            self.write_part(writer, seed=1)
            chosen = self.write_part(writer, seed=2)
            self.write_part(writer, seed=4)  # ends after the one that was chosen
            late = self.write_part(writer, seed=3, close=False)
            writer.include(chosen.shards)
        images, _ = draw_images(500, 6, 2, seed=2)
        assert (self.read(tmp_path / "data") == images).all()
        names = [path.name for path in (tmp_path / "data" / "train").iterdir()]
        assert names == ["part-0000001-00000.parquet"]
        late.abandon()  # it goes on writing to what is not there any more
        assert (self.read(tmp_path / "data") == images).all()

    def test_the_folder_of_an_import_that_was_killed_is_never_taken_over(self, tmp_path, caplog):
        killed = DatasetWriter(str(tmp_path / "data"), ABOUT)
        self.write_part(killed, seed=1)
        write_dataset(str(tmp_path / "data"), ABOUT, {"train": [draw_images(50, 6, 2)]})
        assert len(self.read(tmp_path / "data")) == 50
        assert f"rm -r {killed.unfinished}" in caplog.text

    def test_what_a_killed_import_left_on_a_store_is_no_data_set(self, tmp_path):
        """There, shards are where they will be, and only the manifest makes them count."""
        killed = DatasetWriter(str(tmp_path / "data"), ABOUT)
        self.write_part(killed, seed=1)
        with pytest.raises(InputError, match="the import that wrote it never came to its end"):
            open_split(killed.unfinished, "train")

    def test_of_two_imports_to_one_place_one_is_there_whole(self, tmp_path):
        writers = [DatasetWriter(str(tmp_path / "data"), ABOUT) for _ in range(2)]
        outcomes = []

        def write(writer, images):
            try:
                with writer:
                    writer.append("train", *draw_images(images, 6, 2))
                outcomes.append(images)
            except InputError as error:
                assert "can't be written" in str(error)  # noqa: PT017 - on a thread of its own

        threads = [
            threading.Thread(target=write, args=(writer, images))
            for writer, images in zip(writers, (50, 60), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1
        assert len(self.read(tmp_path / "data")) == outcomes[0]
        assert not list(tmp_path.glob("*.partial-*"))


class TestVersion1:
    """Data sets without a manifest are still read, and it is said what can't be checked."""

    def test_it_is_said_what_can_t_be_checked(self, data, ridge_spark):
        (data / "manifest.json").unlink()
        done = ridge_spark("train", "--data", data, "--lambdas", "1", "--out", "run")
        assert done.returncode == 0
        assert "verify --write" in done.stderr

    def test_shards_prepared_in_two_ways_are_refused(self, data, tmp_path):
        other = Description(ABOUT.shape, ABOUT.class_names, "drawn", {"threshold": 0.5})
        write_dataset(str(tmp_path / "other"), other, {"train": [draw_images(100, 6, 2)]})
        shutil.copy(tmp_path / "other/train/part-00000.parquet", data / "train/part-00005.parquet")
        (data / "manifest.json").unlink()
        with pytest.raises(InputError, match="threshold"):
            open_split(str(data), "train")


class TestVerify:
    def test_a_data_set_as_it_was_written(self, data, ridge_spark):
        done = ridge_spark("verify", data)
        assert (done.returncode, done.stdout) == (0, f"{data}: as written, 4 files\n")

    def test_one_bit_is_found(self, data, ridge_spark):
        shard = data / "train" / "part-00001.parquet"
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        assert_refused(ridge_spark("verify", data), shard, "SHA-256")

    def test_a_manifest_is_written_for_an_older_data_set(self, data, ridge_spark):
        text = (data / "manifest.json").read_bytes()
        (data / "manifest.json").unlink()
        assert_refused(ridge_spark("verify", data), "--write")
        done = ridge_spark("verify", data, "--write")
        assert done.returncode == 0, done.stderr
        assert (data / "manifest.json").read_bytes() == text
        assert ridge_spark("verify", data).returncode == 0

    def test_what_is_damaged_gets_no_manifest(self, data, ridge_spark):
        (data / "manifest.json").unlink()
        cut_short(data)
        assert_refused(ridge_spark("verify", data, "--write"), "part-00001")
        assert not (data / "manifest.json").exists()
