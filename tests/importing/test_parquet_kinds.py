"""Parquet as other tools leave it, imported by the command: the right pixels and labels, or a line.

Each is compared with the images that it was written from.
"""

from __future__ import annotations

import decimal

import numpy as np
import pyarrow as pa
import pytest

from tests.importing.imported import assert_one_line
from tests.importing.parquet_files import (
    CLASS_LABEL,
    EVERYTHING,
    FILES,
    LABELLED,
    LABELS,
    PIXELS,
    STRUCT,
    TEXTS,
    N,
    expected,
    hugging_face,
    imported,
    save,
    struct,
)
from tests.importing.pictures import encode, noise

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
