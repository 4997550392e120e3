"""Folders laid out in splits: which are recognised, and what is asked instead of guessed."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.importing.folder import UNLABELLED, read_folder
from tests.importing.pictures import noise, read_all, write
from tests.support import assert_refused


def image_of(name: str) -> NDArray[np.uint8]:
    return noise(4, 4, seed=crc32(name.encode()))


def make(root: Path, *names: str) -> str:
    """Two images in each folder named; or one, if the name is that of a file."""
    for name in names:
        if "." in name:
            write(root / name, image_of(name))
        else:
            for number in range(2):
                write(root / name / f"{number}.png", image_of(f"{name}/{number}"))
    return str(root)


def found(uri: str, *arguments: object, **options: object) -> dict[str, dict[str, int]]:
    """How many images of each class by split."""
    return {
        split: {
            name: int((source.labels == number).sum())
            for number, name in enumerate(source.class_names)
        }
        for split, source in read_folder(uri, *arguments, **options).items()
    }


PETS = {"cat": 2, "dog": 2}


@pytest.mark.parametrize(
    ("train", "test"),
    [("train", "test"), ("Training", "Test"), ("training_set", "test_set"), ("TRAIN", "EVAL"),
     ("tr", "te"), ("seg_train/seg_train", "seg_test/seg_test"), ("train/train", "test/test"),
     ("training_set/training_set", "test_set/test_set"), ("pets_train", "pets_test"),
     ("train2017", "test2017")],
)  # fmt: skip
def test_spellings_and_folders_that_are_wrapped_once_more(tmp_path, train, test):
    uri = make(tmp_path, *(f"{split}/{name}" for split in (train, test) for name in PETS))
    assert found(uri) == {"train": PETS, "test": PETS}


@pytest.mark.parametrize("validation", ["val", "valid", "Validation", "dev"])
def test_splits_within_classes(tmp_path, validation):
    folders = [f"{name}/{s}" for name in PETS for s in ("train", validation, "test/deeper")]
    uri = make(tmp_path, *folders)
    assert found(uri) == {"train": PETS, "validation": PETS, "test": PETS}
    sources = read_folder(uri)
    assert sources["validation"].found_as == f"CLASS/{validation}/"
    assert all("/test/deeper/" in item.name for item in sources["test"])


def test_the_same_images_either_way_round(ridge_spark, tmp_path):
    for name in PETS:
        for split in ("train", "test"):
            for number in range(9):
                image = image_of(f"{name} {split} {number}")
                write(tmp_path / "a" / split / name / f"{number}.png", image)
                write(tmp_path / "b" / name / split / f"{number}.png", image)
    for layout in ("a", "b"):
        done = ridge_spark("import", "folder", layout, "--out", f"{layout}-out")
        assert done.returncode == 0, done.stderr
    for split in ("train", "test"):
        one, other = (
            sorted(zip(map(bytes, images), labels.tolist(), strict=True))
            for images, labels in (read_all(tmp_path / f"{x}-out", split) for x in "ab")
        )
        assert one == other


def test_one_split_only(tmp_path):
    assert found(make(tmp_path / "a", "train/cat", "train/dog")) == {"train": PETS}
    assert found(make(tmp_path / "b", "cat/train", "dog/train")) == {"train": PETS}
    assert found(make(tmp_path / "c", "test/cat", "test/dog")) == {"test": PETS}
    assert found(make(tmp_path / "c", "test/cat") + "/test") == {"train": PETS}  # given by itself


@pytest.mark.parametrize(
    "folders",
    [("train/cat", "train/dog", "cat", "dog"), ("cat", "dog", "test"), ("valid", "invalid"),
     ("train", "test", "cat"), ("train/cat", "train/dog", "extra/cat"),
     ("rock-test/cat", "test/cat", "train/cat")],
)  # fmt: skip
def test_a_split_beside_other_folders_is_asked_about(tmp_path, folders):
    uri = make(tmp_path, *folders)
    with pytest.raises(InputError, match=r"is the name of a split.*--no-splits"):
        read_folder(uri)
    tops = {name.partition("/")[0] for name in folders}
    assert set(found(uri, no_splits=True)["train"]) == tops
    assert set(found(uri, tuple(sorted(tops)))["train"]) == tops  # as the model's classes say


def test_some_classes_in_splits_and_some_not_is_asked_about(tmp_path):
    uri = make(tmp_path / "a", "cat/train", "cat/test", "dog")
    with pytest.raises(InputError, match=r"cat/test: has the name of a split.*--no-splits"):
        read_folder(uri)
    assert found(uri, no_splits=True) == {"train": {"cat": 4, "dog": 2}}
    with pytest.raises(InputError, match="b/dog/test"):
        read_folder(make(tmp_path / "b", "dog/test", "cat/more"))


def test_two_folders_for_one_split_are_asked_about(tmp_path):
    with pytest.raises(InputError, match="'test' and 'testing' are both names of the test split"):
        read_folder(make(tmp_path, "train/cat", "train/dog", "test/cat", "testing/dog"))


def test_trains_are_a_class_beside_buses(tmp_path):
    assert found(make(tmp_path / "a", "train", "bus")) == {"train": {"bus": 2, "train": 2}}
    deep = make(tmp_path / "b", "vehicles/train", "vehicles/bus", "pets/cat")
    assert found(deep) == {"train": {"pets": 2, "vehicles": 4}}
    assert found(make(tmp_path / "c", "en", "tr", "te"))["train"].keys() == {"en", "te", "tr"}


def test_images_without_labels_beside_labelled_splits(tmp_path):
    train = ("train/cat", "train/dog")
    for place in ("test", "test/images", "pred", "unlabeled/x"):
        uri = make(tmp_path / place.replace("/", "-"), *train, place, "loose.png")
        (source,) = read_folder(uri).values()
        top = place.partition("/")[0]
        (told,) = (what for what in source.left_out if f"images in {top}/" in what)
        assert source.left_out[told] == 2
        assert source.left_out[UNLABELLED] == 1
        assert set(source.class_names) == set(PETS)


def test_training_images_without_class_folders(tmp_path):
    with pytest.raises(InputError, match="train: has 2 images, but none in a sub-folder"):
        read_folder(make(tmp_path, "train", "test"))


def test_a_test_class_that_is_not_trained_on_is_named(tmp_path):
    uri = make(tmp_path / "a", "train/cat", "train/dog", "test/cat", "test/owl")
    with pytest.raises(InputError, match="'owl' is out of range"):
        read_folder(uri)
    uri = make(tmp_path / "b", "cat/train", "dog/train", "owl/test")
    with pytest.raises(InputError, match="owl: class 'owl' is empty"):
        read_folder(uri)


def test_a_folder_around_everything_is_told_of(tmp_path):
    with pytest.raises(InputError, match=r"has one folder, 'all'.*give .*/all"):
        read_folder(make(tmp_path / "a", "all/cat", "all/dog"))
    with pytest.raises(InputError, match=r"has one folder, 'all'.*give .*/all"):
        read_folder(make(tmp_path / "b", "all/train/cat", "all/test/dog"))
    with pytest.raises(InputError, match=r"train: has one folder, 'pets'.*give .*train/pets"):
        read_folder(make(tmp_path / "d", "train/pets/cat", "train/pets/dog", "test/pets/cat"))
    assert found(make(tmp_path / "c", "cat/more"), ("ant", "cat")) == {
        "train": {"ant": 0, "cat": 2}
    }


def test_the_same_folders_in_every_class_are_pointed_out(ridge_spark, tmp_path):
    make(tmp_path / "set", "first/cat", "first/dog", "second/cat", "second/dog")
    done = ridge_spark("import", "folder", "set", "--out", "o")
    assert done.returncode == 0, done.stderr
    assert "every class has the sub-folders cat, dog; if those are the classes" in done.stdout


def test_folders_of_systems_are_no_classes(ridge_spark, tmp_path):
    make(tmp_path / "set", "cat", "dog", "@eaDir/cat", "cat/@eaDir/0.png", "#recycle", "lost+found",
         "dog/.thumbnails", "__MACOSX/dog")  # fmt: skip
    done = ridge_spark("import", "folder", "set", "--test-split", 0, "--out", "o")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("o: 4 train images of 4x4x1, 2 classes")
    assert "hidden files or folders (6)" in done.stdout


def test_a_class_of_files_that_are_not_read_says_so(ridge_spark, tmp_path):
    make(tmp_path / "set", "cat", "dog")
    for number in range(3):
        write(tmp_path / "set" / "owl" / f"{number}.HEIC", b"....ftypheic")
    write(tmp_path / "set" / "owl" / "x.jxl", b"x")
    refused = ridge_spark("import", "folder", "set", "--out", "o")
    assert_refused(refused, "'owl' has only 3 .heic files and 1 .jxl files", "convert")
    write(tmp_path / "set" / "owl" / "0.png", noise(4, 4))
    done = ridge_spark("import", "folder", "set", "--test-split", 0, "--out", "o")
    assert "images of a format that is not read (.heic) (3)" in done.stdout
    for name in ("cat", "dog"):
        write(tmp_path / "all" / name / "0.heic", b"x")
    refused = ridge_spark("import", "folder", "all", "--out", "p")
    assert_refused(refused, "no images that can be read, but 2 .heic files")


@pytest.mark.parametrize("root", ["/", "//", "/.", "/tmp/.."])
def test_the_root_of_the_machine_is_refused_and_not_taken_for_here(ridge_spark, tmp_path, root):
    make(tmp_path, "cat", "dog")
    assert_refused(ridge_spark("import", "folder", root, "--out", "o"), "whole machine")
    assert not (tmp_path / "o").exists()


def test_the_order_of_classes_hangs_on_their_names_alone(ridge_spark, environment, tmp_path):
    names = ("1", "01", "001", "2", "10", "-1", "-01", "9" * 90)
    make(tmp_path / "set", *names)
    found = set()
    for seed in (0, 1, 2, 3):
        done = ridge_spark(
            "import", "folder", "set", "--test-split", 0, "--out", f"o{seed}",
            env={**environment, "PYTHONHASHSEED": str(seed)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (shard,) = (tmp_path / f"o{seed}" / "train").glob("*.parquet")
        found.add(shard.read_bytes())
    assert len(found) == 1
    source = read_folder(str(tmp_path / "set"))["train"]
    assert source.class_names == ("-01", "-1", "001", "01", "1", "2", "10", "9" * 90)


def test_images_like_those_of_a_set_to_test_on(ridge_spark, tmp_path):
    make(tmp_path / "set", "train/cat", "train/dog")
    make(tmp_path / "later", "test/dog")
    ridge_spark("import", "folder", "set", "--test-split", 0, "--out", "a")
    ridge_spark("import", "folder", "later", "--like", "a", "--out", "b")
    done = ridge_spark("import", "folder", "later", "--like", "b", "--out", "c")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("c: 2 test images of 4x4x1, 2 classes")


def test_what_is_in_a_split_that_is_not_read_is_told_of(ridge_spark, tmp_path):
    make(tmp_path / "set", "train/cat", "train/dog")
    write(tmp_path / "set" / "test" / "cat" / "0.heic", b"x")
    write(tmp_path / "set" / "notes" / "0.txt", b"x")
    done = ridge_spark("import", "folder", "set", "--test-split", 0, "--out", "o")
    assert done.returncode == 0, done.stderr
    assert "images of a format that is not read (.heic) (1)" in done.stdout
    assert "files that are no images by name (.txt) (1)" in done.stdout
