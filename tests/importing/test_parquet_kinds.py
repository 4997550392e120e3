"""Parquet as other tools leave it, imported by the command: the right pixels and labels, or a line.

Each is compared with the images that it was written from.
"""

from __future__ import annotations

import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.importing.imported import Images, Imported, assert_one_line, run_import
from tests.importing.pictures import encode, noise

N = 12
NAMES = ["cat", "dog"]
PIXELS = [noise(4, 5, seed=seed) for seed in range(N)]
FILES = [encode(pixels) for pixels in PIXELS]
LABELS = [i % 2 for i in range(N)]
TEXTS = [NAMES[label] for label in LABELS]
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CLASS_LABEL = {"names": NAMES, "_type": "ClassLabel"}


def hugging_face(**features: Any) -> dict[str, str]:
    return {"huggingface": json.dumps({"info": {"features": features}})}


LABELLED = hugging_face(image={"_type": "Image"}, label=CLASS_LABEL)


def struct(files: list[bytes | None] = FILES) -> pa.Array:
    return pa.array([{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(files)], STRUCT)


def save(path: Path, metadata: dict | None = None, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, path)
    return path


def imported(source: Path, *options: object) -> Imported:
    split = () if "--test-split" in options or "splits" in source.name else ("--test-split", 0)
    return run_import("parquet", source, "--workers", 1, *split, *options)


def expected(labels: Any = TEXTS, pixels: list[np.ndarray] = PIXELS) -> Images:
    return sorted(
        (str(label), image.tobytes()) for label, image in zip(labels, pixels, strict=True)
    )


EVERYTHING = expected()

LABEL_COLUMNS = {
    "text": (TEXTS, TEXTS),
    "text by a dictionary": (pa.array(TEXTS).dictionary_encode(), TEXTS),
    "large text": (pa.array(TEXTS, pa.large_string()), TEXTS),
    "text views": (pa.array(TEXTS, pa.string_view()), TEXTS),
    "text as bytes": (pa.array([text.encode() for text in TEXTS]), TEXTS),
    "numbers": (LABELS, LABELS),
    "numbers by a dictionary": (pa.array(LABELS).dictionary_encode(), LABELS),
    "small numbers": (pa.array(LABELS, pa.uint8()), LABELS),
    "floats": (pa.array(LABELS, pa.float64()), LABELS),
    "halves": (pa.array(LABELS, pa.float32()), LABELS),
    "decimals": (pa.array([decimal.Decimal(label) for label in LABELS]), LABELS),
    "truths": (pa.array(LABELS).cast(pa.bool_()), [bool(label) for label in LABELS]),
}


@pytest.mark.parametrize(("column", "labels"), LABEL_COLUMNS.values(), ids=LABEL_COLUMNS.keys())
def test_labels_of_any_type(tmp_path, column, labels):
    done = imported(save(tmp_path / "x.parquet", image=struct(), label=column))
    assert done.all == expected(labels), done.printed


@pytest.mark.parametrize(
    "column",
    [LABELS, [float(label) for label in LABELS], TEXTS, pa.array(TEXTS).dictionary_encode(),
     pa.array(LABELS, pa.int8()).dictionary_encode()],
    ids=["numbers", "floats", "text", "text by a dictionary", "numbers by a dictionary"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["label", "species"])
def test_names_in_the_metadata_of_hugging_face(tmp_path, column, name):
    about = hugging_face(image={"_type": "Image"}, **{name: CLASS_LABEL})
    done = imported(save(tmp_path / "x.parquet", about, image=struct(), **{name: column}))
    assert done.all == EVERYTHING, done.printed


def spark_images(pixels: list[np.ndarray], mode: int) -> pa.Array:
    kind = pa.struct([("origin", pa.string()), ("height", pa.int32()), ("width", pa.int32()),
                      ("nChannels", pa.int32()), ("mode", pa.int32()), ("data", pa.binary())],
                    )  # fmt: skip
    rows = [
        {"origin": "file:/x", "height": image.shape[0], "width": image.shape[1], "mode": mode,
         "nChannels": image.shape[2] if image.ndim == 3 else 1, "data": image.tobytes()}
        for image in pixels
    ]  # fmt: skip
    return pa.array(rows, kind)


def tensors(pixels: list[np.ndarray]) -> pa.Array:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(np.stack(pixels))


COLOURS = [noise(4, 5, 3, seed=seed) for seed in range(N)]
SQUARES = [noise(4, 4, seed=seed) for seed in range(N)]
IMAGE_COLUMNS = {
    "bytes": (pa.array(FILES), PIXELS),
    "large bytes": (pa.array(FILES, pa.large_binary()), PIXELS),
    "views": (pa.array(FILES, pa.binary_view()), PIXELS),
    "bytes by a dictionary": (pa.array(FILES).dictionary_encode(), PIXELS),
    "bytes of one size": (
        pa.array([data.ljust(200, b"\0") for data in FILES], pa.binary(200)), PIXELS
    ),
    "a struct": (struct(), PIXELS),
    "a struct without paths": (pa.array([{"bytes": data} for data in FILES]), PIXELS),
    "lists of the bytes of a file": (
        pa.array([list(data) for data in FILES], pa.list_(pa.uint8())), PIXELS
    ),
    "lists of pixels": (pa.array([image.reshape(-1) for image in SQUARES]), SQUARES),
    "lists of 64-bit pixels": (
        pa.array([image.reshape(-1).tolist() for image in SQUARES], pa.list_(pa.int64())), SQUARES
    ),
    "lists of one size": (
        pa.array([image.reshape(-1) for image in SQUARES], pa.list_(pa.uint8(), 16)), SQUARES
    ),
    "lists of rows": (pa.array([image.tolist() for image in PIXELS]), PIXELS),
    "lists of rows of pixels": (pa.array([image.tolist() for image in COLOURS]), COLOURS),
    "lists of planes": (
        pa.array([image.transpose(2, 0, 1).tolist() for image in COLOURS]), COLOURS
    ),
    "large lists": (
        pa.array([image.tolist() for image in PIXELS], pa.large_list(pa.large_list(pa.int16()))),
        PIXELS,
    ),
    "tensors": (tensors(PIXELS), PIXELS),
    "tensors of colours": (tensors(COLOURS), COLOURS),
    "gray images of Spark": (spark_images(PIXELS, 0), PIXELS),
    "images of Spark": (spark_images([image[:, :, ::-1] for image in COLOURS], 16), COLOURS),
    "images of Spark with an alpha": (
        spark_images(
            [np.dstack([image[:, :, ::-1], np.full((4, 5), 255, np.uint8)]) for image in COLOURS],
            24,
        ),
        COLOURS,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("column", "pixels"), IMAGE_COLUMNS.values(), ids=IMAGE_COLUMNS.keys())
def test_images_of_any_type(tmp_path, column, pixels):
    done = imported(save(tmp_path / "x.parquet", image=column, label=TEXTS))
    assert done.all == expected(TEXTS, pixels), done.printed


def test_images_by_their_paths_beside_the_file(tmp_path):
    for number, data in enumerate(FILES):
        (tmp_path / f"{number}.png").write_bytes(data)
    done = imported(save(tmp_path / "x.parquet", image=struct([None] * N), label=TEXTS))
    assert done.all == EVERYTHING, done.printed


@pytest.mark.parametrize("path", ["gone.png", "../outside.png", "/outside.png"])
def test_images_with_a_path_only_are_told_and_never_read_elsewhere(tmp_path, path):
    (tmp_path / "outside.png").write_bytes(FILES[0])
    images = pa.array([{"bytes": None, "path": path.replace("/o", f"{tmp_path}/o")}] * N, STRUCT)
    refused = imported(save(tmp_path / "in" / "x.parquet", image=images, label=TEXTS))
    assert_one_line(refused, "have no bytes, only paths", "beside it")


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


@pytest.mark.parametrize("name", ["image", "img", "Image"])
def test_of_several_columns_of_images_the_one_called_so_is_taken(tmp_path, name):
    masks = struct([encode(255 - pixels) for pixels in PIXELS])
    done = imported(
        save(tmp_path / "x.parquet", mask=masks, **{name: struct()}, depth=masks, label=TEXTS)
    )
    assert done.all == EVERYTHING, done.printed


def test_else_it_is_asked_for(tmp_path):
    masks = struct([encode(255 - pixels) for pixels in PIXELS])
    source = save(tmp_path / "x.parquet", mask=masks, photo=struct(), label=TEXTS)
    assert_one_line(imported(source), "mask and photo", "--image-column")
    assert imported(source, "--image-column", "photo").all == EVERYTHING
    about = hugging_face(photo={"_type": "Image"}, checksum={"_type": "Value"})
    source = save(tmp_path / "y.parquet", about, checksum=FILES[::-1], photo=struct(), label=TEXTS)
    assert imported(source).all == EVERYTHING


def test_a_shard_that_lost_its_metadata_has_the_names_of_the_others(tmp_path):
    save(tmp_path / "x/a.parquet", LABELLED, image=struct()[:6], label=LABELS[:6])
    save(tmp_path / "x/b.parquet", image=struct()[6:], label=LABELS[6:])
    done = imported(tmp_path / "x")
    assert done.all == EVERYTHING, done.printed
    save(tmp_path / "x/b.parquet", image=struct()[6:], label=[7] * 6)
    assert_one_line(imported(tmp_path / "x"), "b.parquet", "outside 0 to 1")
    save(tmp_path / "x/b.parquet", image=struct()[6:], label=TEXTS[6:])
    assert imported(tmp_path / "x").all == EVERYTHING


def test_shards_that_contradict_each_other_are_told(tmp_path):
    save(tmp_path / "x/a.parquet", LABELLED, image=struct()[:6], label=LABELS[:6])
    other = hugging_face(label={"names": ["dog", "cat"], "_type": "ClassLabel"})
    save(tmp_path / "x/b.parquet", other, image=struct()[6:], label=LABELS[6:])
    assert_one_line(imported(tmp_path / "x"), "b.parquet", "other names of classes")
    save(tmp_path / "y/a.parquet", image=struct()[:6], label=TEXTS[:6])
    save(tmp_path / "y/b.parquet", image=struct()[6:], label=LABELS[6:])
    assert_one_line(imported(tmp_path / "y"), "b.parquet", "are numbers", "are text")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"image": struct(), "label": [0.5] * N}, "has 0.5, and labels are whole numbers"),
        ({"image": struct(), "label": [[1, 0]] * N}, "'label' is of type list"),
        ({"image": struct(), "label": [0, None] * 6}, "6 rows have no 'label'"),
        ({"image": struct(), "label": [0.0, float("nan")] * 6}, "6 rows have no 'label'"),
        ({"image": struct(), "class": TEXTS, "category": TEXTS}, "class and category could both"),
        ({"image": struct(), "kind": TEXTS}, "--label-column"),
        ({"image": [f"{i}.png" for i in range(N)], "label": TEXTS}, "import csv"),
        ({**{f"pixel{i}": LABELS for i in range(16)}, "label": TEXTS}, "a column for each pixel"),
        ({"image": [[[1, 2], [3]]] * N, "label": TEXTS}, "not of one length"),
        ({"image": [[1, 2, 3]] * N, "label": TEXTS}, "no square image"),
        ({"image": [[[1, 300]]] * N, "label": TEXTS}, "0 to 255"),
        ({"image": struct()[:0], "label": pa.array([], pa.string())}, "no rows"),
    ],
)
def test_files_that_need_a_word(tmp_path, columns, told):
    assert_one_line(imported(save(tmp_path / "x.parquet", **columns)), "x.parquet", told)


def test_a_file_that_claims_more_images_than_it_has_bytes_is_refused_unread(tmp_path):
    """Rows that are all alike take next to nothing, and the labels of all would be in memory."""
    many = pa.array([0], pa.int32()).take(pa.nulls(10**6, pa.int32()).fill_null(0))
    source = save(tmp_path / "x.parquet", image=pa.nulls(10**6, pa.binary()), label=many)
    assert_one_line(imported(source), "claims 1,000,000 images")


def test_a_column_called_split_that_names_none_is_passed_over_and_said(tmp_path):
    done = imported(save(tmp_path / "x.parquet", image=struct(), label=TEXTS, split=LABELS))
    assert done.all == EVERYTHING
    assert "column 'split'" in done.printed


def test_a_folder_that_is_not_there_is_told(tmp_path):
    assert_one_line(imported(tmp_path / "x"), "no such file or folder")


def test_a_data_set_of_this_program_is_told(tmp_path):
    save(tmp_path / "x.parquet", image=struct(), label=TEXTS)
    imported(tmp_path / "x.parquet")
    assert_one_line(imported(tmp_path / "x.parquet-imported"), "data set already")
