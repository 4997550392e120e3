"""Images prepared otherwise than a model's, or than the other split: told, wherever they meet."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ridge_spark.data.dataset import open_split
from tests.importing.pictures import noise, write, write_classes
from tests.support import assert_refused, run_command

BASE = ("--size", "6x6", "--channel", "red")
OTHERWISE = {  # an import, and how it differs from that one
    "blue": (("--size", "6x6", "--channel", "blue"), "channel blue", "channel red"),
    "gray": (("--size", "6x6", "--gray"), "channel gray", "channel red"),
    "threshold": ((*BASE, "--threshold", "0.5"), "threshold 0.5", "no threshold"),
    "crop": ((*BASE, "--fit", "crop"), "fit crop", "fit pad"),
    "black": ((*BASE, "--background", "black"), "background black", "background white"),
    "both": ((*BASE, "--fit", "crop", "--threshold", "0.3"), "fit crop, threshold 0.3",
             "fit pad, no threshold"),
    "size": (("--size", "6x4", "--channel", "red"), "6x4x1", "6x6x1"),
    "colour": (("--size", "6x6"), "6x6x3", "6x6x1"),
}  # fmt: skip

NO_MANIFEST = shutil.ignore_patterns("manifest.json")  # which lists the shards that belong here


@pytest.fixture(scope="module")
def place(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images in colour, `base` imported from them, a `run` of that; read only."""
    folder = tmp_path_factory.mktemp("same")
    for number in range(40):
        write(folder / "png" / "ab"[number % 2] / f"{number}.png", noise(8, 8, 3, seed=number))
    for name, options in (("base", BASE), *((name, told[0]) for name, told in OTHERWISE.items())):
        run_command("import", "folder", "png", *options, "--out", name, cwd=folder, home=home)
    train = ("train", "--data", "base", "--lambdas", "1,100", "--out", "run")
    run_command(*train, cwd=folder, home=home)
    return folder


@pytest.mark.parametrize("other", OTHERWISE)
def test_every_difference_from_the_model_is_named(ridge_spark, place, other):
    _, found, wanted = OTHERWISE[other]
    refused = ridge_spark("evaluate", "--model", "run", "--data", other, cwd=place)
    assert_refused(refused, f"--data {other}", found, "the model are", wanted, "--like")
    assert refused.stdout == ""


@pytest.mark.parametrize(
    "command",
    [("evaluate", "--data", "blue"), ("evaluate", "--data", "blue/train"),
     ("predict", "blue"), ("predict", "blue/test"), ("predict", "png/a/0.png", "threshold"),
     ("predict", "blue", "--engine", "spark", "--out", "OUT"),
     ("update", "--add", "blue", "--out", "OUT"), ("update", "--remove", "blue", "--out", "OUT"),
     ("update", "--add", "base", "--test", "blue", "--out", "OUT")],
)  # fmt: skip
def test_every_place_where_a_model_meets_a_data_set(ridge_spark, place, tmp_path, command):
    arguments = [tmp_path / "out" if word == "OUT" else word for word in command[1:]]
    refused = ridge_spark(command[0], "--model", "run", *arguments, cwd=place)
    told = "threshold 0.5" if "threshold" in command else "channel blue"
    assert_refused(refused, told, "the model", "--like")
    assert not (tmp_path / "out").exists()


def test_the_test_split_of_a_data_set_must_be_as_its_training_split(ridge_spark, place, tmp_path):
    for name in ("blue", "threshold", "size"):
        shutil.copytree(place / "base", tmp_path / name, ignore=NO_MANIFEST)
        shutil.rmtree(tmp_path / name / "test")
        shutil.copytree(place / name / "test", tmp_path / name / "test")
        refused = ridge_spark("train", "--data", name, "--out", f"run-{name}")
        assert_refused(refused, f"{name}/test", "the training split", OTHERWISE[name][1])
        assert not (tmp_path / f"run-{name}").exists()


def test_the_shards_of_a_split_must_be_alike(ridge_spark, place, tmp_path):
    shutil.copytree(place / "base", tmp_path / "mixed", ignore=NO_MANIFEST)
    (shard,) = (place / "threshold" / "train").glob("*.parquet")
    shutil.copy(shard, tmp_path / "mixed" / "train" / "zzz.parquet")
    for command in (("train", "--data", "mixed", "--out", "o"),
                    ("predict", "--model", place / "run", "mixed")):  # fmt: skip
        assert_refused(ridge_spark(*command), "zzz.parquet", "threshold 0.5", "no threshold")


@pytest.mark.parametrize("like", ["base", "run"])
def test_what_is_imported_like_the_model_is_as_the_model_takes_it(
    ridge_spark, place, tmp_path, like
):
    write_classes(tmp_path / "more" / "test", {"a": 3, "b": 4}, 5, 7)
    done = ridge_spark("import", "folder", "more", "--like", place / like, "--out", "later")
    assert done.returncode == 0, done.stderr
    done = ridge_spark("evaluate", "--model", place / "run", "--data", "later")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("later/test: 7 images")


def test_files_imported_like_arrays_can_be_tested_on_and_added(ridge_spark, tmp_path):
    labels = np.arange(40) % 2
    np.savez(tmp_path / "x.npz", x_train=noise(40, 25).reshape(-1, 5, 5), y_train=labels)
    for command in (("import", "npz", "x.npz", "--out", "data"),
                    ("train", "--data", "data", "--out", "run", "--lambdas", "10")):  # fmt: skip
        assert ridge_spark(*command).returncode == 0
    write_classes(tmp_path / "png", {"0": 9, "1": 9}, 5, 5)
    ridge_spark("import", "folder", "png", "--out", "otherwise")
    refused = ridge_spark("evaluate", "--model", "run", "--data", "otherwise")
    assert_refused(refused, "channel gray", "taken from arrays as they were", "--like")
    done = ridge_spark("import", "folder", "png", "--like", "run", "--out", "like")
    assert done.returncode == 0, done.stderr
    assert open_split(str(tmp_path / "like"), "train").description.preparation == {}
    for command in (("evaluate", "--model", "run", "--data", "like"),
                    ("update", "--model", "run", "--add", "like", "--out", "more")):  # fmt: skip
        done = ridge_spark(*command)
        assert done.returncode == 0, done.stderr
