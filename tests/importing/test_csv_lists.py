"""CSV of files as people have them, imported by the command: right files and labels, or a line.

Each is compared with the images that it was written from.
"""

from __future__ import annotations

import gzip
import unicodedata
from pathlib import Path

import pytest

from tests.importing.csv_text import imported
from tests.importing.imported import assert_one_line
from tests.importing.pictures import noise, write


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, bytes]:
    """Names, relative to the folder of the CSV, and pixels of image files in it."""
    found = {}
    for number in range(6):
        name = f"imgs/{'cat' if number % 2 else 'dog'}/{number}.png"
        pixels = noise(5, 4, seed=number)
        write(tmp_path / name, pixels)
        found[name] = pixels.tobytes()
    return found


def label(name: str) -> str:
    return name.split("/")[1]


def bare(name: str) -> str:
    return name.removesuffix(".png")


LISTS = {
    "no ending, unusual names": (["id,breed"], lambda n: [f"{bare(n)},{label(n)}"]),
    "no ending, the label first": (["breed,id"], lambda n: [f"{label(n)},{bare(n)}"]),
    "no ending, no names": ([], lambda n: [f"{bare(n)},{label(n)}"]),
    "no names": ([], lambda n: [f"{n},{label(n)}"]),
    "numbers for names": (["0,1"], lambda n: [f"{n},{label(n)}"]),
    "numbers for names, no ending": (["0,1"], lambda n: [f"{bare(n)},{label(n)}"]),
    "numbers and row numbers": ([",0,1"], lambda n: [f"7,{n},{label(n)}"]),
    "row numbers": ([",file,label"], lambda n: [f"7,{n},{label(n)}"]),
    "twice, as ./": (["file,label"], lambda n: [f"{n},{label(n)}", f"./{n},{label(n)}"]),
    "twice, with and without": (
        ["file,label"],
        lambda n: [f"{n},{label(n)}", f"imgs//x/../{bare(n)[5:]},{label(n)}"],
    ),
    "backslashes": (["file,label"], lambda n: [f"{n},{label(n)}".replace("/", "\\")]),
    "capitals": (["file,label"], lambda n: [f"{n[:-4]}.PNG,{label(n)}"]),
    "sep=;": (["sep=;", "file;label"], lambda n: [f"{n};{label(n)}"]),
    "a comma at the ends": (["file,label,"], lambda n: [f"{n},{label(n)},"]),
    "x and y are places": (
        ["file,x,y,class"], lambda n: [f"{n},10,20,{label(n)}"],
    ),
    "boxes beside": (
        ["file,label,b1,b2,b3,b4"], lambda n: [f"{n},{label(n)},1,2,3,4"],
    ),
    "a path that is not there beside one that is": (
        ["filename,filepath,label"], lambda n: [f"elsewhere.png,{n},{label(n)}"],
    ),
    "many columns of Kaggle": (
        ["class id,filepaths,labels,scientific name"], lambda n: [f"3,{n},{label(n)},Canis"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("head", "lines"), LISTS.values(), ids=LISTS.keys())
def test_lists_of_files(tmp_path, pictures, head, lines):
    text = "\n".join([*head, *(line for name in pictures for line in lines(name))])
    expected = sorted((label(name), pixels) for name, pixels in pictures.items())
    for name, content in (("x.csv", text.encode()), ("y.csv.gz", gzip.compress(text.encode()))):
        done = imported(tmp_path, content, "--test-split", 0, "--workers", 1, name=name)
        assert done.all == expected, done.printed


def test_columns_without_names_are_told_by_number(tmp_path, pictures):
    text = "\n".join(f"7,{name},{label(name)},2019" for name in pictures)
    done = imported(tmp_path, text, "--label-column", 3, "--test-split", 0, "--workers", 1)
    assert done.counts() == {"cat": 3, "dog": 3}, done.printed
    assert_one_line(imported(tmp_path, text, "--label-column", 5), "--label-column 5", "1 to 4")


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_list", ["NFC", "NFD"])
def test_letters_with_accents_are_one_file_however_they_are_written(tmp_path, on_disk, in_list):
    rows = []
    for number, kind in enumerate(("fée", "löwe")):
        name = f"{kind}/é{number}.png"
        write(tmp_path / unicodedata.normalize(on_disk, name), noise(5, 4, seed=number))
        rows += [f"{unicodedata.normalize(form, name)},{number}" for form in (in_list, "NFC")]
    done = imported(tmp_path, "\n".join(["file,label", *rows]), "--test-split", 0, "--workers", 1)
    assert done.counts() == {"0": 1, "1": 1}, done.printed


def test_a_list_with_splits(tmp_path, pictures):
    split = dict(zip(pictures, ["train", "train", "train", "test", "test", "valid"], strict=True))
    rows = [f"{name},{label(name)},{split[name]}" for name in pictures]
    done = imported(tmp_path, "\n".join(["filepaths,labels,data set", *rows]), "--workers", 1)
    for one, values in (("train", ("train", "valid")), ("test", ("test",))):
        assert done.splits[one] == sorted(
            (label(name), pixels) for name, pixels in pictures.items() if split[name] in values
        )
    for told in ("4 train, 2 test", "train: 3 images", "valid: 1 images", "test: 2 images"):
        assert told in done.printed
    twice = [*rows, f"./{next(iter(pictures))},dog,test"]
    refused = imported(tmp_path, "\n".join(["file,label,split", *twice]), name="y.csv")
    assert_one_line(refused, "has split 'train' in line 2 and 'test' in line 8")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["file,label", "gone/1.png,cat", "gone/2.png,dog"], "--from"),
        (["file,label", "imgs/cat/1.png,cat,more", "imgs/dog/2.png,dog"], "line 2 has 3 columns"),
        (["a,b,c", "imgs/cat/1.png,cat,2"], "--label-column"),
        (["imgs/cat/1.png,cat,2", "imgs/dog/2.png,dog,3"], "--label-column"),
        (["one,two,label", "imgs/cat/1.png,imgs/cat/3.png,2"], "--image-column"),
        (["file,class,category", "imgs/cat/1.png,cat,animal"], "class and category could both"),
        (["file,label", "imgs/cat/1.png,", "imgs/dog/2.png,dog"], "line 2 has no label"),
    ],
)
def test_lists_that_need_a_word(tmp_path, pictures, lines, told):
    assert_one_line(imported(tmp_path, "\n".join(lines), "--workers", 1), told)


def test_two_files_that_a_name_without_ending_may_mean_are_told(tmp_path, pictures):
    write(tmp_path / "imgs/cat/1.jpg", noise(5, 4))
    refused = imported(tmp_path, "id,label\nimgs/cat/1,cat\nimgs/dog/2,dog", "--workers", 1)
    assert_one_line(refused, "'imgs/cat/1' may be 1.jpg or 1.png")


def test_test_images_without_a_label_are_left_out_and_counted(tmp_path, pictures):
    names = list(pictures)
    rows = [f"{name},{label(name)},train" for name in names[:4]]
    rows += [f"{names[4]},,test", f"{names[5]},cat,test"]
    done = imported(tmp_path, "\n".join(["file,label,split", *rows]), "--workers", 1)
    assert done.splits["test"] == [("cat", pictures[names[5]])], done.printed
    assert "without a label (1)" in done.printed


@pytest.mark.parametrize("spelt", ["{}.0", "{}.000000000000000000e+00"])
def test_labels_that_are_whole_numbers_are_so_whatever_wrote_them(tmp_path, pictures, spelt):
    rows = [f"{name},{spelt.format(number % 2)}" for number, name in enumerate(pictures)]
    done = imported(tmp_path, "\n".join(rows), "--test-split", 0, "--workers", 1)
    assert done.counts() == {"0": 3, "1": 3}


def test_labels_with_accents_are_one_class_however_they_are_written(tmp_path, pictures):
    forms = ["NFC", "NFD"] * 3
    rows = [f"{name},{unicodedata.normalize(form, 'fée')}"
            for name, form in zip(pictures, forms, strict=True)]  # fmt: skip
    rows[0] = rows[0].rpartition(",")[0] + ",dog"
    done = imported(tmp_path, "\n".join(rows), "--test-split", 0, "--workers", 1)
    assert done.counts() == {"dog": 1, unicodedata.normalize("NFC", "fée"): 5}, done.printed
