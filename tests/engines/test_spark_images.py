"""Importing and predicting as Spark jobs give what one machine gives, row by row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ridge_spark.model import Model
from tests.engines.processes import ROOT, SPARKS
from tests.importing.pictures import encode, noise, read_all, write, write_classes

IMPORT = ROOT / "jobs" / "import_images.py"
PREDICT = ROOT / "jobs" / "predict.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_classes(
        tmp_path_factory.mktemp("spark") / "set", {"a": 70, "b": 60, "c": 50}, 9, 7
    )


@pytest.mark.parametrize("version", SPARKS)
def test_an_import_has_the_rows_of_a_local_one(submit, ridge_spark, folder, tmp_path, version):
    prepare = ("folder", folder, "--size", "6x6", "--threshold", 0.4)
    done = submit(
        "--master", "local[2]", IMPORT, *prepare, "--partitions", 5, "--out", tmp_path / "spark",
        cwd=tmp_path, version=version,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    local = ridge_spark("import", *prepare, "--out", tmp_path / "local")
    assert done.stdout.partition(": ")[2] == local.stdout.partition(": ")[2]
    assert len(list((tmp_path / "spark" / "train").iterdir())) == 5
    for split in ("train", "test"):
        ours, theirs = (read_all(tmp_path / name, split) for name in ("spark", "local"))
        assert (ours[0] == theirs[0]).all()
        assert (ours[1] == theirs[1]).all()


def test_splits_of_a_folder_are_those_of_a_local_import(submit, ridge_spark, tmp_path):
    for split, images in (("train", 20), ("val", 6), ("test", 5)):
        write_classes(tmp_path / "set" / split, {"a": images, "b": images}, 5, 5)
    done = submit("--master", "local[2]", IMPORT, "folder", "set", "--out", "spark", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    local = ridge_spark("import", "folder", "set", "--out", "local")
    assert done.stdout.partition(": ")[2] == local.stdout.partition(": ")[2]
    assert "the 12 validation images are training images too" in local.stdout
    for split, images in (("train", 52), ("test", 10)):
        ours, theirs = (read_all(tmp_path / name, split) for name in ("spark", "local"))
        assert len(ours[0]) == images
        assert (ours[0] == theirs[0]).all()
        assert (ours[1] == theirs[1]).all()


def test_a_damaged_file_stops_the_job_with_one_line_and_nothing_written(submit, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 20, "b": 20})
    write(folder / "a" / "cut.png", encode(noise(64, 64))[:500])
    arguments = ("--master", "local[2]", IMPORT, "folder", folder, "--size", "6x5", "--out", "o")
    done = submit(*arguments, cwd=tmp_path)
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if "ridge-spark: error:" in line]
    assert len(errors) == 1
    assert "cut.png" in errors[0]
    assert not list(tmp_path.glob("o*"))
    done = submit(*arguments, "--skip-bad", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 damaged images" in done.stdout


def test_parquet_is_shared_out_by_row_groups(submit, ridge_spark, folder, tmp_path):
    import pyarrow as pa

    paths = sorted(folder.glob("*/*.png"))
    columns = {
        "image": [path.read_bytes() for path in paths],
        "label": [path.parent.name for path in paths],
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet", row_group_size=50)
    done = submit(
        "--master", "local[2]", IMPORT, "parquet", "x.parquet", "--out", "spark", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    ridge_spark("import", "parquet", "x.parquet", "--out", "local")
    ours, theirs = (read_all(tmp_path / name) for name in ("spark", "local"))
    assert (ours[0] == theirs[0]).all()


def test_predictions_are_those_of_the_model(submit, ridge_spark, folder, tmp_path):
    ridge_spark("import", "folder", folder, "--out", "data")
    assert ridge_spark("train", "--data", "data", "--out", "run").returncode == 0
    job = ("--master", "local[2]", PREDICT, "--model", "run", "data", "--out", "found")
    done = submit(*job, "--partitions", 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "found: 180 images classified\n"
    model = Model.load(tmp_path / "run" / "model.safetensors")
    table = pq.read_table(tmp_path / "found").to_pylist()
    at = 0
    for split in ("train", "test"):
        images, labels = read_all(tmp_path / "data", split)
        scores = model.decision_function(images)
        rows = table[at : at + len(images)]
        at += len(images)
        names = [model.class_names[i] for i in labels]
        assert {row["file"] for row in rows} == {f"data/{split}"}
        assert [row["row"] for row in rows] == list(range(len(images)))
        assert [row["label"] for row in rows] == names
        assert [row["class"] for row in rows] == [model.class_names[i] for i in scores.argmax(1)]
        assert np.allclose([row["scores"] for row in rows], scores, atol=1e-12)
        ordered = np.sort(scores, axis=1)
        second = [model.class_names[i] for i in scores.argsort(axis=1)[:, -2]]
        assert [row["runner_up"] for row in rows] == second
        proba = model.predict_proba(images)
        assert np.allclose([row["probabilities"] for row in rows], proba, atol=1e-12)
        assert np.allclose([row["probability"] for row in rows], proba.max(axis=1))
        assert np.allclose([row["score"] for row in rows], scores.max(axis=1))
        assert np.allclose([row["margin"] for row in rows], ordered[:, -1] - ordered[:, -2])
    assert at == len(table)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["n_train"] > 0
    again = submit(*job, cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
