"""Parquet with a column of encoded images: plain bytes, and as Hugging Face writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ridge_spark.errors import InputError
from ridge_spark.importing.parquet_images import read_parquet
from tests.importing.pictures import encode, noise

FILES = [encode(noise(4, 5, seed=seed)) for seed in range(10)]


def save(path: Path, columns: dict, metadata: dict | None = None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.table(columns)
    pq.write_table(schema.replace_schema_metadata(metadata), path, **options)
    return path


def found(source) -> list[tuple[bytes, str]]:
    return [(item.data, source.class_names[item.label]) for item in source]


def test_bytes_and_labels_in_any_row_groups(tmp_path):
    labels = ["cat", "dog"] * 5
    path = save(tmp_path / "x.parquet", {"img": FILES, "label": labels}, row_group_size=3)
    source = read_parquet(str(path))["train"]
    assert found(source) == list(zip(FILES, labels, strict=True))
    assert [len(part.labels) for part in source.split(99)] == [3, 3, 3, 1]
    assert [item for part in source.split(99) for item in part] == list(source)


def test_the_hugging_face_form_with_its_names_and_splits(tmp_path):
    about = {
        "info": {"features": {"label": {"names": ["zero", "one", "two"], "_type": "ClassLabel"}}}
    }
    metadata = {"huggingface": json.dumps(about)}
    images = [{"bytes": data, "path": None} for data in FILES]
    for split, labels in (("train", [2, 0] * 5), ("test", [0, 2] * 5), ("validation", [2] * 10)):
        save(
            tmp_path / "data" / f"{split}-00000-of-00001.parquet",
            {"image": images, "label": labels}, metadata,
        )  # fmt: skip
    splits = read_parquet(str(tmp_path))
    assert list(splits) == ["train", "validation", "test"]
    assert splits["train"].class_names == ("two", "zero")  # no training image is a 'one'
    assert found(splits["test"])[:2] == [(FILES[0], "zero"), (FILES[1], "two")]
    assert splits["train"].left_out == {}


def test_columns_can_be_named(tmp_path):
    path = save(tmp_path / "x.parquet", {"a": FILES, "b": FILES[::-1], "kind": [1, 2] * 5})
    source = read_parquet(str(path), "b", "kind")["train"]
    assert found(source)[0] == (FILES[9], "1")
    with pytest.raises(InputError, match="--label-column"):
        read_parquet(str(path))
    with pytest.raises(InputError, match="--image-column"):
        read_parquet(str(path), "kind", "kind")


def test_missing_labels_wrong_labels_and_no_parquet(tmp_path):
    path = save(tmp_path / "x.parquet", {"image": FILES, "label": [1] * 9 + [None]})
    with pytest.raises(InputError, match="1 rows have no 'label'"):
        read_parquet(str(path))
    about = {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["a", "b"]}}}})}
    save(path, {"image": FILES, "label": [0, 1, -1] + [0] * 7}, about)
    with pytest.raises(InputError, match="outside 0 to 1"):
        read_parquet(str(path))
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_parquet(str(path))
    path.unlink()
    with pytest.raises(InputError, match="no Parquet files"):
        read_parquet(str(tmp_path))


def test_a_missing_image_is_an_empty_one_that_the_decoder_will_refuse(tmp_path):
    path = save(tmp_path / "x.parquet", {"image": [*FILES[:9], None], "label": [1, 2] * 5})
    assert list(read_parquet(str(path))["train"])[9].data == b""
