"""Folders as people have them: odd files, links, empty and equal classes, splits of their own."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from ridge_spark.errors import InputError
from ridge_spark.importing.folder import UNLABELLED, read_folder
from ridge_spark.importing.listing import HIDDEN, LINK, list_images
from tests.importing.pictures import noise, write, write_classes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "set", {"ant": 3, "bee": 2})


def names(folder: Path) -> dict[str, str]:
    """File name to class name of all that is read."""
    source = read_folder(str(folder))["train"]
    return {item.name: source.class_names[item.label] for item in source}


def test_a_class_for_each_folder_at_any_depth(folder):
    write(folder / "ant" / "more" / "deep.JPG", noise(2, 2))
    found = names(folder)
    assert len(found) == 6
    assert found["ant/more/deep.JPG"] == "ant"
    assert found["bee/0001.png"] == "bee"


def test_what_is_no_image_is_left_out_and_counted(folder):
    write(folder / "readme.txt", b"hello")
    write(folder / "ant" / "Thumbs.db", b"hello")
    write(folder / "ant" / "noending", b"hello")
    write(folder / ".git" / "x.png", noise(2, 2))
    write(folder / "bee" / "._0000.png", b"hello")
    write(folder / "__MACOSX" / "bee" / "0000.png", b"hello")
    write(folder / "loose.png", noise(2, 2))
    os.mkfifo(folder / "bee" / "pipe.png")
    source = read_folder(str(folder))["train"]
    assert len(source.labels) == 5
    assert source.left_out == {
        "files that are no images by name (.txt)": 1,
        "files that are no images by name (.db)": 1,
        "files that are no images by name (no ending)": 1,
        HIDDEN: 3,
        UNLABELLED: 1,
        "neither files nor folders": 1,
    }


def test_symlink_loops_end_and_nothing_is_read_twice(folder, tmp_path):
    (folder / "ant" / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder)
    (folder / "twin").symlink_to(folder / "bee")
    (folder / "bee" / "round").symlink_to(folder / "bee" / "round")
    (folder / "bee" / "endless.png").symlink_to(folder / "bee" / "endless.png")
    elsewhere = write_classes(tmp_path / "other", {"cats": 2})
    (folder / "cat").symlink_to(elsewhere / "cats")
    (folder / "cat again").symlink_to(elsewhere / "cats")
    (folder / "bee" / "deeper").symlink_to(elsewhere)
    (folder / "bee" / "linked.png").symlink_to(elsewhere / "cats" / "0000.png")
    source = read_folder(str(folder))["train"]
    found = sorted(item.name for item in source)
    cats = [name for name in found if name.startswith("cat")]
    assert len(cats) == 2
    assert found == sorted(
        ["ant/0000.png", "ant/0001.png", "ant/0002.png", "bee/0000.png", "bee/0001.png",
         "bee/endless.png", "bee/linked.png", *cats]
    )  # fmt: skip
    assert source.left_out[LINK] == 5


def test_the_order_mixes_the_classes_and_depends_on_the_names_alone(tmp_path):
    folder = write_classes(tmp_path / "a", {"x": 60, "y": 60})
    copy = write_classes(tmp_path / "b" / "c", {"y": 60, "x": 60})
    first, second = (read_folder(str(path))["train"] for path in (folder, copy))
    assert [item.name for item in first] == [item.name for item in second]
    assert 5 <= first.labels[:30].sum() <= 25


def test_numbers_are_ordered_as_numbers_and_names_by_the_alphabet(tmp_path):
    numbers = write_classes(tmp_path / "n", {"10": 1, "9": 1, "-1": 1})
    assert read_folder(str(numbers))["train"].class_names == ("-1", "9", "10")
    mixed = write_classes(tmp_path / "m", {"10": 1, "9": 1, "nine": 1})
    assert read_folder(str(mixed))["train"].class_names == ("10", "9", "nine")


def test_train_and_test_folders_are_the_splits(tmp_path):
    write_classes(tmp_path / "set" / "train", {"x": 3, "y": 2})
    write_classes(tmp_path / "set" / "test", {"y": 2})
    found = read_folder(str(tmp_path / "set"))
    assert {split: len(source.labels) for split, source in found.items()} == {"train": 5, "test": 2}
    assert found["test"].class_names == ("x", "y")
    assert (found["test"].labels == 1).all()
    write_classes(tmp_path / "set" / "test" / "z", {"q": 1})
    with pytest.raises(InputError, match="'z' is out of range"):
        read_folder(str(tmp_path / "set"))


def test_an_empty_class_is_named(folder):
    (folder / "cat").mkdir()
    write(folder / "cat" / "notes.txt", b"no image")
    with pytest.raises(InputError, match=r"set/cat: class 'cat' is empty"):
        read_folder(str(folder))


def test_two_spellings_of_one_name_are_refused(folder):
    for form in ("NFC", "NFD"):
        write(folder / unicodedata.normalize(form, "Käfer") / "0.png", noise(2, 2))
    with pytest.raises(InputError, match="two class folders have this name"):
        read_folder(str(folder))


def test_a_folder_without_images_or_no_folder_at_all(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no images; it needs a sub-folder for each class"):
        read_folder(str(tmp_path / "empty"))
    write(tmp_path / "flat" / "0.png", noise(2, 2))
    with pytest.raises(InputError, match="has 1 images, but none in a sub-folder"):
        read_folder(str(tmp_path / "flat"))
    with pytest.raises(InputError, match="is a file; give a folder"):
        read_folder(str(tmp_path / "flat" / "0.png"))
    with pytest.raises(InputError, match="no such folder"):
        read_folder(str(tmp_path / "nowhere"))


def test_a_name_that_is_not_utf8_is_refused(folder):
    with open(os.fsencode(folder) + b"/ant/\xff\xfe.png", "wb") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="not UTF-8"):
        read_folder(str(folder))


def test_parts_are_the_whole_in_order(tmp_path):
    source = read_folder(str(write_classes(tmp_path / "set", {"a": 7, "b": 6})))["train"]
    for parts in (1, 3, 13, 20):
        pieces = list(source.split(parts))
        assert [item for piece in pieces for item in piece] == list(source)
        assert np.concatenate([piece.labels for piece in pieces]).tolist() == source.labels.tolist()


def test_listing_for_predictions_takes_loose_images(folder):
    write(folder / "loose.webp", noise(2, 2))
    assert "loose.webp" in list_images(str(folder)).images
