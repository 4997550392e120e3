"""The data set on disk keeps its contract, block by block, and damaged shards are refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridge_spark.data.dataset import Description, open_split, read_block, read_blocks
from ridge_spark.data.writer import block_rows, write_dataset
from ridge_spark.errors import InputError
from tests.support import SMALL_NAMES, SMALL_SHAPE, draw_images

D = 30


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def read(folder, split="train"):
    blocks = list(read_blocks(open_split(str(folder), split).blocks))
    return np.vstack([b.images for b in blocks]), np.concatenate([b.labels for b in blocks])


@pytest.fixture
def copy(small_data, tmp_path):
    """A data set to damage, without a manifest, as those of version 1."""
    shutil.copytree(small_data, tmp_path / "data")
    (tmp_path / "data" / "manifest.json").unlink()
    return tmp_path / "data"


class TestContract:
    def test_columns_and_metadata(self, small_data):
        (shard,) = (small_data / "train").iterdir()
        schema = pq.read_schema(shard)
        assert schema.field("image").type == pa.binary(D)
        assert schema.field("label").type == pa.int32()
        assert schema.names == ["image", "label"]
        assert json.loads(schema.metadata[b"ridge-spark"]) == {
            "format_version": 1,
            "shape": [6, 5, 1],
            "class_names": ["ant", "bee", "cat"],
            "source": "drawn",
            "preparation": {},
        }

    def test_a_key_in_an_address_is_not_stored(self):
        about = Description((1, 1, 1), ("a", "b"), "s3://KEY:SECRET@bucket/images")
        assert b"SECRET" not in about.schema().metadata[b"ridge-spark"]

    def test_any_parquet_reader_finds_the_images(self, small_data):
        images, labels = draw_images(9000, D, 3, seed=1)
        table = pq.read_table(small_data / "train")
        assert table["label"].to_pylist() == labels.tolist()
        assert table["image"][8999].as_py() == images[8999].tobytes()

    def test_blocks_are_row_groups_in_order(self, small_data):
        split = open_split(str(small_data), "train")
        assert (split.description.shape, split.description.class_names) == (
            SMALL_SHAPE,
            SMALL_NAMES,
        )
        assert [(b.row_group, b.first_row, b.rows) for b in split.blocks] == [
            (0, 0, 4096), (1, 4096, 4096), (2, 8192, 808),
        ]  # fmt: skip
        assert split.rows == 9000

    def test_what_is_read_is_what_was_written(self, small_data):
        for split, n, seed in (("train", 9000, 1), ("test", 1000, 2)):
            images, labels = draw_images(n, D, 3, seed)
            found_images, found_labels = read(small_data, split)
            assert (found_images == images).all()
            assert (found_labels == labels).all()
            assert (found_images.dtype, found_labels.dtype) == (np.uint8, np.int32)

    def test_the_folder_of_a_split_is_one_too(self, small_data):
        assert open_split(str(small_data / "test")).rows == 1000

    def test_many_images_are_many_shards(self, tmp_path):
        images = np.zeros((9 * block_rows(1), 1), np.uint8)
        write_dataset(str(tmp_path / "many"), Description((1, 1, 1), ("a", "b"), "none"),
                      {"train": [(images, np.arange(len(images)) % 2)]})  # fmt: skip
        assert [str(path) for path in files(tmp_path / "many")] == [
            "manifest.json",
            "train/part-00000.parquet",
            "train/part-00001.parquet",
        ]
        split = open_split(str(tmp_path / "many"), "train")
        assert [b.first_row for b in split.blocks] == [4096 * i for i in range(9)]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 6000), min_size=1, max_size=6))
def test_the_same_images_are_the_same_bytes_however_they_come(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("written")
    images, labels = draw_images(sum(sizes), 6, 2)
    about = Description((3, 2, 1), ("a", "b"), "drawn")
    edges = np.cumsum(sizes)[:-1]
    chunks = zip(np.split(images, edges), np.split(labels, edges), strict=True)
    assert write_dataset(str(folder / "parts"), about, {"train": chunks}) == {"train": len(labels)}
    write_dataset(str(folder / "whole"), about, {"train": [(images, labels)]})
    assert files(folder / "parts") == files(folder / "whole")
    for path in files(folder / "whole"):
        assert (folder / "parts" / path).read_bytes() == (folder / "whole" / path).read_bytes()


@pytest.mark.parametrize(("d", "rows"), [(1, 4096), (784, 4096), (21_600, 256), (2**20, 256)])
def test_a_block_is_a_few_megabytes_and_a_few_thousand_rows(d, rows):
    assert block_rows(d) == rows


@pytest.mark.parametrize("limit", [1, 4095, 4096, 4097, 8999, 9000, 50_000])
def test_a_limited_split_is_its_first_images(small_data, limit):
    images, labels = draw_images(9000, D, 3, seed=1)
    split = open_split(str(small_data), "train").limited(limit)
    blocks = list(read_blocks(split.blocks))
    assert split.rows == min(limit, 9000)
    assert (np.vstack([b.images for b in blocks]) == images[:limit]).all()
    assert (np.concatenate([b.labels for b in blocks]) == labels[:limit]).all()


def rewrite(shard, *, metadata=None, columns=None):
    """Write a shard again with other metadata (None to leave it out) or columns."""
    table = pq.read_table(shard)
    if columns:
        table = pa.table(columns(table), metadata=table.schema.metadata)
    if metadata is not None:
        about = json.loads(table.schema.metadata[b"ridge-spark"])
        changed = metadata if isinstance(metadata, bytes) else json.dumps({**about, **metadata})
        table = table.replace_schema_metadata({"ridge-spark": changed})
    pq.write_table(table, shard)


@pytest.mark.parametrize(
    "metadata",
    [
        b"no JSON",
        b"[]",
        b"\xff\xfe",
        {"shape": [6, 5]},
        {"shape": [6, 6, 1]},
        {"shape": [-6, -5, 1]},
        {"shape": ["a", 5, 1]},
        {"shape": [2**31, 2**31, 1]},
        {"shape": [2**70, 1, 1]},
        {"class_names": []},
        {"class_names": 3},
        {"class_names": ["ant", "ant", "cat"]},
        {"class_names": ["ant", "\ud800", "cat"]},
        {"source": "\udcff"},
        {"preparation": 7},
        {"preparation": {"fit": "\udfff"}},
        {"format_version": 2},
    ],
    ids=str,
)
def test_metadata_that_is_no_data_set_s_is_refused(copy, metadata):
    (shard,) = (copy / "train").iterdir()
    rewrite(shard, metadata=metadata)
    with pytest.raises(InputError, match=shard.name):
        open_split(str(copy), "train")


@pytest.mark.parametrize(
    "columns",
    [
        lambda t: {"image": t["image"]},
        lambda t: {"image": t["label"], "label": t["label"]},
        lambda t: {"image": t["image"].cast(pa.binary()), "label": t["label"]},
        lambda t: {"image": t["image"], "label": t["label"].cast(pa.int64())},
    ],
    ids=["no labels", "no images", "of any size", "long labels"],
)
def test_columns_that_are_not_a_data_set_s_are_refused(copy, columns):
    (shard,) = (copy / "train").iterdir()
    rewrite(shard, columns=columns)
    with pytest.raises(InputError, match=shard.name):
        open_split(str(copy), "train")


def with_null(table, column):
    values = table[column].to_pylist()
    values[5] = None
    return {**{name: table[name] for name in ("image", "label")},
            column: pa.array(values, table[column].type)}  # fmt: skip


@pytest.mark.parametrize(
    "columns",
    [
        lambda t: {"image": t["image"], "label": pa.array([3] * len(t), pa.int32())},
        lambda t: {"image": t["image"], "label": pa.array([-1] * len(t), pa.int32())},
        lambda t: with_null(t, "image"),
        lambda t: with_null(t, "label"),
    ],
    ids=["label too large", "label negative", "image missing", "label missing"],
)
def test_rows_that_are_no_labelled_images_are_refused(copy, columns):
    (shard,) = (copy / "train").iterdir()
    rewrite(shard, columns=columns)
    with pytest.raises(InputError, match=shard.name):
        list(read_blocks(open_split(str(copy), "train").blocks))


def test_shards_of_different_images_are_refused(copy, small_data):
    shutil.copy(small_data / "train" / "part-00000.parquet", copy / "train" / "part-00001.parquet")
    assert open_split(str(copy), "train").rows == 18_000
    rewrite(copy / "train" / "part-00001.parquet", metadata={"class_names": ["x", "y", "z"]})
    with pytest.raises(InputError, match=r"part-00001.*differ from.*part-00000"):
        open_split(str(copy), "train")


def test_an_empty_row_group_is_nothing(copy):
    (shard,) = (copy / "test").iterdir()
    table = pq.read_table(shard)
    with pq.ParquetWriter(copy / "test" / "part-00001.parquet", table.schema) as writer:
        writer.write_table(table.slice(0, 0))
        writer.write_table(table.slice(0, 10))
    assert len(read(copy, "test")[1]) == 1010


def test_a_data_set_without_images_is_refused(copy):
    (shard,) = (copy / "test").iterdir()
    pq.write_table(pq.read_table(shard).slice(0, 0), shard)
    with pytest.raises(InputError, match="holds no images"):
        open_split(str(copy), "test")


@pytest.mark.parametrize("place", ["nowhere", "empty", "file"])
def test_what_is_no_data_set_is_refused(tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    with pytest.raises(InputError, match=place) as refused:
        open_split(str(tmp_path / place), "train")
    assert "\n" not in str(refused.value)


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_shard_is_refused_or_does_no_harm(small_data, tmp_path_factory, data):
    """A byte changed or the end cut off: the images come out as they were, or not at all."""
    copied = tmp_path_factory.mktemp("damaged") / "test"
    shutil.copytree(small_data / "test", copied)
    (shard,) = copied.iterdir()
    content = bytearray(shard.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[position] ^= data.draw(st.integers(1, 255))
    else:
        del content[position:]
    shard.write_bytes(content)
    try:
        split = open_split(str(copied))
        blocks = [read_block(block) for block in split.blocks]
    except InputError:
        return
    assert (split.description.shape, len(split.description.class_names)) == (SMALL_SHAPE, 3)
    images, labels = draw_images(1000, D, 3, seed=2)
    assert (np.vstack([block.images for block in blocks]) == images).all()
    assert (np.concatenate([block.labels for block in blocks]) == labels).all()
