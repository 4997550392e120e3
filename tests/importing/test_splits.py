"""Names of splits as people spell them, and what an import does with the splits it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ridge_spark.data.dataset import find_splits
from ridge_spark.importing.splits import recognise, recognise_all
from tests.importing.pictures import noise, read_all, write_classes
from tests.support import assert_refused

SPELLINGS = {
    "train": ("train", "TRAIN", "Training", "training_set", "trainset", "train-data", "train2017",
              "trn", "tr", "X_train", "trainImages", "train_images", "TrainingSet", "train val"),
    "validation": ("val", "VAL", "valid", "Validation", "validation_set", "dev", "val2017",
                   "val_images", "devset", "valData"),
    "test": ("test", "Test", "TESTING", "test_set", "testset", "eval", "evaluation", "tst", "te",
             "x_test", "PublicTest", "PrivateTest", "test-images", "holdout", "held_out", "test 1"),
}  # fmt: skip
NO_SPLITS = (
    "cat", "", "set", "images", "train station", "bullet_train", "test tube", "tester", "trainer",
    "contest", "valley", "validated invoices", "invalid", "detest", "train_test", "training shoes",
    "devil", "2017", "eval_test_train",
)  # fmt: skip


@pytest.mark.parametrize("split", SPELLINGS)
def test_spellings_of_splits(split):
    assert {name: recognise(name) for name in SPELLINGS[split]} == dict.fromkeys(
        SPELLINGS[split], split
    )


def test_other_names_are_no_splits():
    assert {name: recognise(name) for name in NO_SPLITS} == dict.fromkeys(NO_SPLITS)


def test_what_all_names_have_in_common_says_nothing():
    assert recognise_all(["alphabet_train", "alphabet_test"]) == {
        "alphabet_train": "train", "alphabet_test": "test",
    }  # fmt: skip
    assert recognise_all(["train/pets", "val/pets"]) == {
        "train/pets": "train", "val/pets": "validation",
    }  # fmt: skip
    assert recognise_all(["fast train", "slow train"]) == {}
    assert recognise_all(["blood_test", "eye_test"]) == {}
    assert recognise_all(["train"]) == {"train": "train"}


def layout(root: Path, *splits: str, images: int = 6) -> Path:
    for split in splits:
        write_classes(root / split, {"cat": images, "dog": images - 1})
    return root


def counts(uri: Path) -> dict[str, int]:
    return {Path(split.uri).name: split.rows for split in find_splits(str(uri))}


def test_validation_images_are_test_images_where_there_are_no_others(ridge_spark, tmp_path):
    layout(tmp_path / "set", "train", "val")
    done = ridge_spark("import", "folder", "set", "--out", "o")
    assert done.returncode == 0, done.stderr
    assert counts(tmp_path / "o") == {"train": 11, "test": 11}
    assert done.stdout.startswith("o: 11 train, 11 test images of 6x5x1, 2 classes")
    assert "splits found   train (train/: 11 images), validation (val/: 11 images)" in done.stdout
    assert "test images    the 11 validation images" in done.stdout
    assert find_splits(str(tmp_path / "o"))[0].description.class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("options", "expected", "told"),
    [([], {"train": 22, "test": 11}, "the 11 validation images are training images too"),
     (["--validation-split", "train"], {"train": 22, "test": 11}, "are training images too"),
     (["--validation-split", "leave-out"], {"train": 11, "test": 11},
      "left out       11 validation images")],
)  # fmt: skip
def test_validation_images_beside_test_images(ridge_spark, tmp_path, options, expected, told):
    layout(tmp_path / "set", "Training", "valid", "TEST")
    done = ridge_spark("import", "folder", "set", *options, "--out", "o")
    assert done.returncode == 0, done.stderr
    assert counts(tmp_path / "o") == expected
    assert told in done.stdout
    assert "test (TEST/: 11 images)" in done.stdout
    columns = done.stdout.splitlines()[2].split()[1:]
    assert columns == (["train", "test"] if "leave-out" in options else
                       ["train", "validation", "test"])  # fmt: skip


def test_validation_images_are_train_images_with_their_own_pixels(ridge_spark, tmp_path):
    layout(tmp_path / "set", "train", "val", "test")
    ridge_spark("import", "folder", "set", "--out", "all")
    ridge_spark("import", "folder", "set", "--validation-split", "leave-out", "--out", "less")
    layout(tmp_path / "one", "train", "val")
    (tmp_path / "one" / "train").rename(tmp_path / "one" / "x")
    (tmp_path / "one" / "val").rename(tmp_path / "one" / "train")
    ridge_spark("import", "folder", "one/train", "--test-split", 0, "--out", "val")
    everything, less, val = (read_all(tmp_path / name) for name in ("all", "less", "val"))
    assert (everything[0][:11] == less[0]).all()
    assert (everything[0][11:] == val[0]).all()
    assert everything[1].tolist() == [*less[1], *val[1]]


def test_some_of_the_validation_images_are_held_out_if_asked(ridge_spark, tmp_path):
    layout(tmp_path / "set", "train", "val", images=40)
    done = ridge_spark("import", "folder", "set", "--test-split", 0.5, "--out", "o")
    assert done.returncode == 0, done.stderr
    found = counts(tmp_path / "o")
    assert sum(found.values()) == 158
    assert 50 <= found["test"] <= 110


@pytest.mark.parametrize("alone", ["test", "val"])
def test_images_to_test_a_model_on_need_none_to_train_on(ridge_spark, tmp_path, alone):
    layout(tmp_path / "set", "train")
    layout(tmp_path / "later", alone)
    ridge_spark("import", "folder", "set", "--test-split", 0, "--out", "o")
    refused = ridge_spark("import", "folder", "later", "--out", "p")
    assert_refused(refused, "later: has no training images, only", alone, "--like")
    done = ridge_spark("import", "folder", "later", "--like", "o", "--out", "p")
    assert done.returncode == 0, done.stderr
    assert counts(tmp_path / "p") == {"test": 11}


def test_an_option_for_splits_that_are_not_there(ridge_spark, tmp_path):
    layout(tmp_path / "set", "train", "test")
    for choice, told in (("train", "no validation images"), ("leave-out", "no validation images")):
        refused = ridge_spark("import", "folder", "set", "--validation-split", choice, "--out", "o")
        assert_refused(refused, "--validation-split", told)
    layout(tmp_path / "set", "val")
    refused = ridge_spark("import", "folder", "set", "--validation-split", "test", "--out", "o")
    assert_refused(refused, "has test images of its own")
    assert not list(tmp_path.glob("o*"))


def test_the_summary_counts_the_test_images_that_a_source_has(ridge_spark, tmp_path):
    labels = np.arange(30) % 2
    arrays = {"x_train": noise(30, 16), "y_train": labels, "x_test": noise(8, 16, seed=1)}
    arrays = {name: a.reshape(-1, 4, 4) if name[0] == "x" else a for name, a in arrays.items()}
    np.savez(tmp_path / "set.npz", **arrays, y_test=labels[:8])
    done = ridge_spark("import", "npz", "set.npz", "--out", "o")
    assert done.stdout.startswith("o: 30 train, 8 test images of 4x4x1, 2 classes"), done.stdout
    assert [line.split() for line in done.stdout.splitlines()[2:5]] == [
        ["class", "train", "test"], ["0", "15", "4"], ["1", "15", "4"],
    ]  # fmt: skip
