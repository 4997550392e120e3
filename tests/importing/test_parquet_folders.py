"""Folders of Parquet files as other tools leave them: splits, tables, and what is no data there.

Each is compared with the images that it was written from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.importing.imported import assert_one_line
from tests.importing.parquet_files import (
    EVERYTHING,
    LABELLED,
    LABELS,
    NAMES,
    PIXELS,
    TEXTS,
    N,
    expected,
    imported,
    save,
    struct,
)


def write_splits(folder: Path, names: dict[str, list[int]], **columns: Any) -> None:
    for name, rows in names.items():
        some = {key: pa.array(value).take(pa.array(rows)) for key, value in columns.items()}
        save(folder / name, LABELLED, **some)


LAYOUTS = {
    "hugging face": ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
    "hashes": ("train-00000-of-00001-4f2a.parquet", "test-00000-of-00001-b42a775f407cee45.parquet"),
    "in data": ("data/train-0.parquet", "data/test-0.parquet"),
    "converted": ("default/train/0000.parquet", "default/test/0000.parquet"),
    "cut short": ("default/partial-train/0000.parquet", "default/partial-test/0000.parquet"),
    "folders": ("training_set/part-0.parquet", "testing_set/part-0.parquet"),
    "a key": ("split=train/part-0.parquet", "split=test/part-0.parquet"),
    "alike": ("digits_train.parquet", "digits_test.parquet"),
    "capitals": ("Train.parquet", "Test.parquet"),
}


@pytest.mark.parametrize(("train", "test"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_splits_by_files_and_folders(tmp_path, train, test):
    folder = tmp_path / "splits"
    write_splits(
        folder, {train: list(range(8)), test: list(range(8, N))}, image=struct(), label=LABELS
    )
    done = imported(folder)
    assert done.splits == {
        "train": expected(TEXTS[:8], PIXELS[:8]), "test": expected(TEXTS[8:], PIXELS[8:])
    }, done.printed  # fmt: skip
    assert "8 train, 4 test" in done.printed


def test_validation_and_test_alone_are_what_they_say(tmp_path):
    folder = tmp_path / "splits"
    parts = {"validation-0.parquet": list(range(8)), "test-0.parquet": list(range(8, N))}
    write_splits(folder, parts, image=struct(), label=LABELS)
    done = imported(folder)
    assert done.splits["test"] == expected(TEXTS[8:], PIXELS[8:]), done.printed
    assert done.splits["train"] == expected(TEXTS[:8], PIXELS[:8])
    (folder / "validation-0.parquet").unlink()
    assert_one_line(imported(folder), "no training images", "--like")
    save(tmp_path / "x.parquet", LABELLED, image=struct(), label=LABELS)
    imported(tmp_path / "x.parquet")
    done = imported(folder, "--like", tmp_path / "x.parquet-imported")
    assert done.splits == {"test": expected(TEXTS[8:], PIXELS[8:])}, done.printed


def test_validation_files_beside_others_are_trained_on_or_left_out(tmp_path):
    folder = tmp_path / "splits"
    parts = {"train-0.parquet": [0, 1, 2, 3], "val-0.parquet": [4, 5], "test-0.parquet": [6, 7]}
    write_splits(folder, parts, image=struct(), label=LABELS)
    assert imported(folder).splits["train"] == expected(TEXTS[:6], PIXELS[:6])
    done = imported(folder, "--validation-split", "leave-out")
    assert done.splits["train"] == expected(TEXTS[:4], PIXELS[:4]), done.printed
    assert "2 validation images" in done.printed


def test_a_column_of_splits_is_followed(tmp_path):
    splits = ["train", "train", "train", "train", "test", "val"] * 2
    source = save(tmp_path / "splits.parquet", image=struct(), label=TEXTS, split=splits)
    done = imported(source, "--validation-split", "leave-out")
    for split in ("train", "test"):
        rows = [i for i in range(N) if splits[i] == split]
        assert done.splits[split] == expected(
            [TEXTS[i] for i in rows], [PIXELS[i] for i in rows]
        ), done.printed


@pytest.mark.parametrize("rows", [slice(8, 10), slice(8, N)], ids=["some", "all"])
@pytest.mark.parametrize("missing", [-1, None])
@pytest.mark.parametrize("metadata", [LABELLED, None], ids=["names", "no names"])
def test_test_images_without_labels_do_not_block_the_others(tmp_path, rows, missing, metadata):
    labels: list[int | None] = [*LABELS]
    labels[rows] = [missing] * len(labels[rows])
    save(tmp_path / "splits/train.parquet", metadata, image=struct()[:8], label=labels[:8])
    save(
        tmp_path / "splits/test.parquet",
        metadata,
        image=struct()[8:],
        label=pa.array(labels[8:], pa.int64()),
    )
    done = imported(tmp_path / "splits")
    if rows.stop - rows.start == 2:
        kept = [i for i in range(8, N) if labels[i] not in (-1, None)]
        names = TEXTS if metadata else LABELS
        assert done.splits["train"] == expected(names[:8], PIXELS[:8]), done.printed
        assert done.splits["test"] == expected([names[i] for i in kept], [PIXELS[i] for i in kept])
    assert len(done.all) == 8 + N - 8 - (rows.stop - rows.start), done.printed
    assert f"test images without a label ({rows.stop - rows.start})" in done.printed


@pytest.mark.parametrize("key", ["label", "class"])
def test_folders_that_name_the_label(tmp_path, key):
    folder = tmp_path / "x"
    for number, name in enumerate(("a cat", "dog")):
        path = folder / f"{key}={name.replace(' ', '%20')}" / "part-0.parquet"
        save(path, image=struct()[number::2])
    done = imported(folder)
    assert done.all == expected(["a cat" if text == "cat" else text for text in TEXTS])
    done = imported(folder / f"{key}=dog", "--like", f"{folder}-imported")
    assert done.counts() == {"dog": 6}, done.printed


def test_a_key_of_another_name_can_be_asked_for(tmp_path):
    folder = tmp_path / "x"
    for number, name in enumerate(NAMES):
        save(folder / f"species={name}" / "part-0.parquet", image=struct()[number::2])
    assert_one_line(imported(folder), "species", "--label-column")
    assert imported(folder, "--label-column", "species").all == EVERYTHING


LEFT_BEHIND = [
    "_SUCCESS", "_metadata", "_common_metadata", ".part-0.parquet.crc", "._part-0.parquet",
    ".DS_Store", "Thumbs.db", "README.md", "_temporary/0/task_0/part-1.parquet",
    "_delta_log/00000000000000000000.crc", ".hoodie/hoodie.properties",
    ".hoodie_partition_metadata",
    ".hoodie/metadata/files/x.parquet", "_spark_metadata/0", ".ipynb_checkpoints/a.parquet",
    "__MACOSX/._part-0.parquet", "@eaDir/part-0.parquet", "_started_123", "_committed_123",
    "part-2.parquet.tmp", ".part-3.parquet.inprogress.1", "_tmp.part/part-4.parquet",
]  # fmt: skip


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_others_leave_in_a_folder_is_no_data(tmp_path, name):
    save(tmp_path / "x/part-0.parquet", image=struct(), label=TEXTS)
    left = tmp_path / "x" / name
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"\0\5\x16\7")
    done = imported(tmp_path / "x")
    assert done.all == EVERYTHING, done.printed
    assert "left out" in done.printed


def halves(folder: Path, *names: str) -> None:
    """Files with the first and the second half of the rows, and any further with all of them."""
    rows = [slice(0, 6), slice(6, N), *[slice(0, N)] * len(names[2:])]
    for name, some in zip(names, rows, strict=True):
        save(folder / name, image=struct()[some], label=TEXTS[some])


def delta(folder: Path, version: int, *actions: dict) -> None:
    path = folder / "_delta_log" / f"{version:020}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(action) + "\n" for action in actions))


def test_a_delta_table_has_the_rows_of_its_last_version(tmp_path):
    folder = tmp_path / "x"
    halves(folder, "part-0.parquet", "part-1 %.parquet", "old.parquet", "never committed.parquet")
    delta(folder, 0, {"metaData": {}}, {"add": {"path": "old.parquet"}})
    delta(
        folder, 1, {"remove": {"path": "old.parquet"}}, {"add": {"path": "part-0.parquet"}},
        {"add": {"path": "part-1%20%25.parquet"}},
    )  # fmt: skip
    done = imported(folder)
    assert done.all == EVERYTHING, done.printed
    assert "does not have any more (2)" in done.printed
    added = [{"path": "part-0.parquet"}, {"path": "old.parquet"}, None]
    pq.write_table(pa.table({"add": added}), folder / "_delta_log" / f"{1:020}.checkpoint.parquet")
    delta(folder, 2, {"remove": {"path": "old.parquet"}}, {"add": {"path": "part-1%20%25.parquet"}})
    assert imported(folder).all == EVERYTHING
    delta(folder, 3, {"add": {"path": "part-0.parquet", "deletionVector": {"storageType": "u"}}})
    assert_one_line(imported(folder), "Delta table", "Spark")


def test_a_hudi_table_has_the_last_version_of_each_file(tmp_path):
    folder = tmp_path / "x"
    halves(
        folder, "a-0_0-1-2_20240102030405678.parquet", "b-0_0-1-2_20240102030405678.parquet",
        "a-0_0-1-1_20230102030405678.parquet",
    )  # fmt: skip
    (folder / ".hoodie").mkdir()
    (folder / ".hoodie/hoodie.properties").touch()
    done = imported(folder)
    assert done.all == EVERYTHING, done.printed
    assert "does not have any more (1)" in done.printed


def test_an_iceberg_table_is_read_if_rows_were_only_added(tmp_path):
    folder = tmp_path / "x"
    halves(folder, "data/0.parquet", "data/1.parquet")
    metadata = folder / "metadata"
    metadata.mkdir()
    (metadata / "snap-1.avro").write_bytes(b"Obj\1")
    (metadata / "v1.metadata.json").write_text(
        json.dumps({"snapshots": [{"summary": {"operation": "append"}}]})
    )
    assert imported(folder).all == EVERYTHING
    (metadata / "v2.metadata.json").write_text(
        json.dumps({"snapshots": [{"summary": {"operation": "overwrite"}}]})
    )
    assert_one_line(imported(folder), "Iceberg", "Spark")
