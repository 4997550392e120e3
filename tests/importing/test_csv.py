"""CSV of image files and CSV of pixels, with the headers, delimiters and slips people have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ridge_spark.errors import InputError
from ridge_spark.importing.csv_columns import names_files
from ridge_spark.importing.csv_files import REPEATED, read_csv_of_files
from ridge_spark.importing.csv_header import find_csv, read_header
from ridge_spark.importing.csv_pixels import read_csv_of_pixels


def save(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def there(tmp_path: Path) -> None:
    """Files that lists name."""
    for name in ("a.png", "b.png", "ä.png", "b/c.png", "pictures/a.png", "far/d.png"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def files(path: Path, **keywords: str) -> dict[str, str]:
    source = read_csv_of_files(read_header(path), **keywords)["train"]
    return {item.path(source.root): source.class_names[item.label] for item in source}


@pytest.mark.parametrize(
    "text",
    ["file,label\na.png,cat\nb/c.png,dog\n",
     "Filename;Class\r\na.png;cat\r\nb/c.png;dog\r\n",
     "label\tnumber\timage\ncat\t1\ta.png\n\ndog\t2\tb/c.png\n",
     'a.png, cat\n"b/c.png", dog\n',
     '\ufeffpath,label\n"a.png","cat"\nb/c.png,dog'],
)  # fmt: skip
def test_columns_are_found_by_name_or_place(tmp_path, there, text):
    path = save(tmp_path / "labels.csv", text)
    header = read_header(path)
    assert names_files(header, None)
    assert files(path) == {f"{tmp_path}/a.png": "cat", f"{tmp_path}/b/c.png": "dog"}


def test_other_columns_can_be_named_and_files_can_be_elsewhere(tmp_path, there):
    far = tmp_path / "far" / "d.png"
    path = save(tmp_path / "x.csv", f"id,species,photo\n1,cat,a.png\n2,dog,{far}\n")
    folder = str(tmp_path / "pictures")
    found = files(path, folder=folder, file_column="photo", label_column="SPECIES")
    assert found == {f"{folder}/a.png": "cat", str(far): "dog"}
    with pytest.raises(InputError, match=r"no column 'foto'.*--image-column"):
        files(path, file_column="foto")
    with pytest.raises(InputError, match="--label-column"):
        files(save(path, "a,b,photo\n1,cat,a.png\n"), file_column="photo")


def test_a_file_named_twice_counts_once_and_must_not_change_its_label(tmp_path, there):
    path = save(tmp_path / "x.csv", "file,label\na.png,1\nb.png,2\na.png,1\n")
    source = read_csv_of_files(read_header(path))["train"]
    assert len(source.labels) == 2
    assert source.left_out == {REPEATED: 1}
    save(path, "file,label\na.png,1\nb.png,2\na.png,2\n")
    with pytest.raises(InputError, match=r"'a.png' has label '1' in line 2 and '2' in line 4"):
        files(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("file,label\n", "names no files"), ("file,label\na.png\n", "line 2"),
     ("file,label\na.png,\n", "line 2 has no label"), ("file,label\n,1\n", "no file name"),
     ('file,label\n"a.png,1\n', "can't be read as CSV")],
)  # fmt: skip
def test_slips_are_named_with_their_line(tmp_path, there, text, message):
    with pytest.raises(InputError, match=message):
        files(save(tmp_path / "x.csv", text))


def test_two_columns_are_files_whatever_they_are_called(tmp_path, there):
    path = save(tmp_path / "x.csv", "Datei;label\na.png;1\nb.png;2\n")
    assert names_files(read_header(path), None)
    assert files(path) == {f"{tmp_path}/a.png": "1", f"{tmp_path}/b.png": "2"}
    save(path, "Datei;label\nc;1\n")
    with pytest.raises(InputError, match=r"it has Datei, label; name the right one with --image"):
        files(path)


def test_other_encodings_are_refused(tmp_path):
    with pytest.raises(InputError, match="UTF-8"):
        files(save(tmp_path / "x.csv", "file,label\nä.png,1\n", "latin-1"))


def test_a_folder_stands_for_the_one_csv_in_it(tmp_path):
    with pytest.raises(InputError, match="0 CSV files"):
        find_csv(tmp_path)
    path = save(tmp_path / "labels.csv", "file,label\n")
    assert find_csv(tmp_path) == path
    save(tmp_path / "more.csv", "file,label\n")
    with pytest.raises(InputError, match="2 CSV files"):
        find_csv(tmp_path)


def table(path: Path, pixels: np.ndarray, labels: list[str], *, header: bool) -> Path:
    lines = [
        f"{label}," + ",".join(map(str, row)) for label, row in zip(labels, pixels, strict=True)
    ]
    if header:
        lines.insert(0, "label," + ",".join(f"pixel{i}" for i in range(pixels.shape[1])))
    return save(path, "\n".join(lines) + "\n")


@pytest.mark.parametrize("header", [True, False])
def test_pixels_are_read_in_the_order_of_their_columns(tmp_path, header):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 9), np.uint8)
    labels = [str(i % 3) for i in range(50)]
    found = read_header(table(tmp_path / "x.csv", pixels, labels, header=header))
    assert not names_files(found, None)
    images = read_csv_of_pixels(found)["train"]
    assert images.shape == (3, 3, 1)
    assert images.labels.tolist() == labels
    assert (np.concatenate(list(images.read())) == pixels).all()


def test_the_label_may_be_anywhere_and_be_text(tmp_path):
    path = save(tmp_path / "x.csv", "p0,p1,class,p2,p3\n1,2,cat,3,4\n5,6,dog,7,8\n")
    images = read_csv_of_pixels(read_header(path))["train"]
    assert images.labels.tolist() == ["cat", "dog"]
    assert next(images.read()).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_shapes_square_or_told_gray_or_colour(tmp_path):
    def shape(columns, size=None):
        pixels = np.zeros((2, columns), np.uint8)
        path = table(tmp_path / f"{columns}.csv", pixels, ["a", "b"], header=True)
        return read_csv_of_pixels(read_header(path), size=size)["train"].shape

    assert shape(12, (3, 4)) == (3, 4, 1)
    assert shape(12) == (2, 2, 3)
    assert shape(36, (3, 4)) == (3, 4, 3)
    assert shape(16, (8, 8)) == (4, 4, 1)  # to be scaled later
    with pytest.raises(InputError, match="--size"):
        shape(10)


@pytest.mark.parametrize("bad", ["256", "-1", "x", "0.5", ""])
def test_what_is_no_pixel_is_refused(tmp_path, bad):
    path = save(tmp_path / "x.csv", f"label,p0,p1,p2,p3\n1,2,3,4,5\n2,3,{bad},5,6\n")
    images = read_csv_of_pixels(read_header(path))["train"]
    with pytest.raises(InputError, match="whole numbers from 0 to 255"):
        list(images.read())


def test_a_line_that_is_too_short_is_refused(tmp_path):
    path = save(tmp_path / "x.csv", "label,p0,p1,p2,p3\n1,2,3,4,5\n2,3,4\n")
    with pytest.raises(InputError, match=r"x\.csv"):
        read_csv_of_pixels(read_header(path))
