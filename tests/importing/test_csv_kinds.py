"""Tables of pixels as people have them, imported by the command: right pixels, labels, or a line.

Each is compared with the images that it was written from.
"""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from ridge_spark.importing.csv_header import MOST_LINE
from tests.importing.csv_text import imported
from tests.importing.imported import assert_one_line, run_import
from tests.importing.pictures import noise

SIDE = 4
D = SIDE * SIDE
PIXELS = np.random.default_rng(3).integers(0, 256, (24, D), np.uint8)
LABELS = [str(i % 3) for i in range(24)]
EXPECTED = sorted((label, row.tobytes()) for label, row in zip(LABELS, PIXELS, strict=True))
NAMED = ",".join(f"pixel{i}" for i in range(D))
ROWS = [",".join(map(str, row)) for row in PIXELS]
FIRST = [f"{label},{row}" for label, row in zip(LABELS, ROWS, strict=True)]
LAST = [f"{row},{label}" for label, row in zip(LABELS, ROWS, strict=True)]


def numbers(n: int, start: int = 0) -> str:
    return ",".join(str(i) for i in range(start, start + n))


TABLES = {
    "numbers": [numbers(D + 1), *FIRST],
    "numbers from 1": [numbers(D + 1, 1), *FIRST],
    "numbers from 5": [numbers(D + 1, 5), *FIRST],
    "some of more numbers": [f"label,{','.join(str(3 * i + 2) for i in range(D))}", *FIRST],
    "some of more numbers alone": [",".join(str(3 * i + 2) for i in range(D + 1)), *FIRST],
    "numbers in disorder": [f"label,{numbers(D // 2, 40)},{numbers(D // 2, 4)}",
        *(f"{label}," + ",".join(map(str, [*row[D // 2 :], *row[: D // 2]]))
          for label, row in zip(LABELS, PIXELS, strict=True))],
    "row numbers, numbers and a label": [
        f",{numbers(D)},label", *(f"{i},{row}" for i, row in enumerate(LAST))
    ],
    "all between quotes": [
        ",".join(f'"{field}"' for field in line.split(",")) for line in [f"label,{NAMED}", *FIRST]
    ],
    "an id last": [f"label,{NAMED},id", *(f"{row},{i}" for i, row in enumerate(FIRST))],
    "numbers with fractions": [",".join(f"{i}.0" for i in range(D + 1)), *FIRST],
    "a label and numbers": [f"label,{numbers(D)}", *FIRST],
    "a label of an unusual name and numbers": [f"digit,{numbers(D)}", *FIRST],
    "numbers and a label": [f"{numbers(D)},label", *LAST],
    "numbers below a column of row numbers": [
        f",{numbers(D + 1)}", *(f"{i},{row}" for i, row in enumerate(FIRST))
    ],
    "an unnamed column of row numbers": [
        f"Unnamed: 0,label,{NAMED}", *(f"{i},{row}" for i, row in enumerate(FIRST))
    ],
    "an id": [f"id,label,{NAMED}", *(f"{i},{row}" for i, row in enumerate(FIRST))],
    "an id of unusual name": [
        f"sample,label,{NAMED}", *(f"{i},{row}" for i, row in enumerate(FIRST))
    ],
    "a file's name beside the pixels": [
        f"image,label,{NAMED}", *(f"{i}.png,{row}" for i, row in enumerate(FIRST))
    ],
    "rows and columns": [
        "label," + ",".join(f"{r}x{c}" for r in range(SIDE) for c in range(SIDE)), *FIRST
    ],
    "as R names them": [",".join(f"V{i + 1}" for i in range(D + 1)), *FIRST],
    "an unusual label": [f"digit,{NAMED}", *FIRST],
    "the label last": [f"{NAMED},label", *LAST],
    "an unusual label last": [f"{NAMED},digit", *LAST],
    "no names": FIRST,
    "a comma at the ends": [f"label,{NAMED},", *(f"{row}," for row in FIRST)],
    "a comma at the ends of rows": [f"label,{NAMED}", *(f"{row}," for row in FIRST)],
    "a comma at the end of the names": [f"label,{NAMED},", *FIRST],
    "a comma and no names": [f"{row}," for row in FIRST],
    "sep": ["sep=;", f"label,{NAMED}".replace(",", ";"), *(row.replace(",", ";") for row in FIRST)],
    "bars": [f"label,{NAMED}".replace(",", "|"), *(row.replace(",", "|") for row in FIRST)],
    "as NumPy comments it": [f"# label,{NAMED}", *FIRST],
    "empty lines": ["", f"label,{NAMED}", "", *FIRST, ""],
    "whole numbers as fractions": [
        f"label,{NAMED}",
        *(f"{label}," + ",".join(f"{p}.0" for p in row)
          for label, row in zip(LABELS, PIXELS, strict=True)),
    ],
    "pixels out of order": [
        "label," + ",".join(f"pixel{i}" for i in range(D)[::-1]),
        *(f"{label}," + ",".join(map(str, row[::-1]))
          for label, row in zip(LABELS, PIXELS, strict=True)),
    ],
    "pixels in one field": [
        "emotion,pixels",
        *(f"{label},{row.replace(',', ' ')}" for label, row in zip(LABELS, ROWS, strict=True)),
    ],
    "pixels in one field of a list": [
        "pixels,label",
        *(f'"[{row}]",{label}' for label, row in zip(LABELS, ROWS, strict=True)),
    ],
    "pixels in one field without names": [
        f"{label},{row.replace(',', ' ')}" for label, row in zip(LABELS, ROWS, strict=True)
    ],
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_tables_of_pixels(tmp_path, table):
    done = imported(tmp_path, "\n".join(table) + "\n", "--test-split", 0)
    assert done.all == EXPECTED, done.printed
    done = imported(tmp_path, "\r".join(table), "--test-split", 0)
    assert done.all == EXPECTED, done.printed
    gzipped = gzip.compress("\r\n".join(table).encode())
    done = imported(tmp_path, gzipped, "--test-split", 0, name="x.csv.gz")
    assert done.all == EXPECTED, done.printed


@pytest.mark.parametrize("names", [None, numbers(D + 1)], ids=["no names", "numbers"])
def test_a_label_in_the_last_of_columns_without_names_is_asked_for(tmp_path, names):
    text = "\n".join([*([names] if names else []), *LAST])
    asked = imported(tmp_path, text, "--test-split", 0)
    last = str(D) if names else "last"
    assert_one_line(asked, f"--label-column {last}")
    done = imported(tmp_path, text, "--label-column", last, "--test-split", 0)
    assert done.all == EXPECTED, done.printed


def test_columns_of_colours_plane_by_plane(tmp_path):
    colours = noise(24, D, 3, seed=5).reshape(24, D, 3)
    names = ",".join(f"{colour}{i}" for colour in "rgb" for i in range(D))
    lines = [f"{label}," + ",".join(map(str, image.T.reshape(-1)))
             for label, image in zip(LABELS, colours, strict=True)]  # fmt: skip
    done = imported(tmp_path, "\n".join([f"label,{names}", *lines]), "--test-split", 0)
    assert done.all == sorted(
        (label, image.tobytes()) for label, image in zip(LABELS, colours, strict=True)
    )


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["0,255,0.1,7,0.2," + ",".join(f"255.{i}" for i in range(1, D - 3)), *FIRST],
         "numbered as names"),
        ([f"id,{NAMED}", *(f"{i},{row}" for i, row in enumerate(ROWS))], "--label-column"),
        ([f"a,b,{NAMED}", *(f"{i},{row}" for i, row in enumerate(FIRST))], "--label-column"),
        ([f"label,{NAMED}", *FIRST, "0,1,2"], "x.csv"),
        ([f"label,{NAMED}"], "no rows"),
        ([f"label,{NAMED}", *(f"{i},{','.join(['0.5'] * D)}" for i in range(3))], "by 255"),
        ([f"label,{NAMED}", *(f"{i},{row}" for i, row in enumerate(FIRST))], "row.names = FALSE"),
        ([f"label,{NAMED}", *FIRST, f"label,{NAMED}"], "line of names once more"),
        ([f"label,{numbers(D)}", *FIRST, f"label,{numbers(D)}"], "line of names once more"),
        ([numbers(D + 1), *FIRST, numbers(D + 1)], "line of names once more"),
        (["label", *LABELS], "has one column"),
        ([f"{i},{row}" for i, row in enumerate(FIRST)], "name the columns"),
        (["label,pixels", "0,1 2 3 4", "1,1 2 3"], "row 2 has 3 pixels"),
        (["label,pixels", "0,1 2 3 4", "1,1 2 3 256"], "0 to 255"),
        (["label,pixels,usage", "0,1 2 3 4,train", "1,1 2 3 5,holiday"], "'holiday'"),
        (["label,pixels,usage", "0,1 2 3 4,train", "1,1 2 3 5,"], "''"),
    ],
)  # fmt: skip
def test_tables_that_need_a_word(tmp_path, lines, told):
    assert_one_line(imported(tmp_path, "\n".join(lines), "--test-split", 0), told)


def test_transposed_pixels_are_turned(tmp_path):
    images = noise(24, 6, seed=8).reshape(24, 2, 3)
    lines = [f"{label}," + ",".join(map(str, image.T.reshape(-1)))
             for label, image in zip(LABELS, images, strict=True)]  # fmt: skip
    done = imported(tmp_path, "\n".join(lines), "--transposed", "--size", "2x3", "--test-split", 0)
    assert "images of 2x3x1" in done.printed
    assert done.all == sorted(
        (label, image.tobytes()) for label, image in zip(LABELS, images, strict=True)
    )


SPLITS = {
    "split": ("split", ["train", "test", "val"]),
    "fer2013": ("Usage", ["Training", "PublicTest", "Validation"]),
    "data set": ("data set", ["train", "test", "valid"]),
}


@pytest.mark.parametrize(("name", "values"), SPLITS.values(), ids=SPLITS.keys())
def test_a_column_of_splits_is_followed(tmp_path, name, values):
    of_row = [values[i // 3 % 3] for i in range(24)]
    lines = [f"{label},{row.replace(',', ' ')},{split}"
             for label, row, split in zip(LABELS, ROWS, of_row, strict=True)]  # fmt: skip
    done = imported(
        tmp_path, "\n".join([f"emotion,pixels,{name}", *lines]), "--validation-split", "leave-out"
    )
    expected = [
        sorted((LABELS[i], PIXELS[i].tobytes()) for i in range(24) if of_row[i] == value)
        for value in values
    ]
    assert [done.splits["train"], done.splits["test"]] == expected[:2], done.printed
    for told in ("9 train, 9 test", values[0], values[1], "6 validation images"):
        assert told in done.printed
    lines = [f"{label},{row},{split}"
             for label, row, split in zip(LABELS, ROWS, of_row, strict=True)]  # fmt: skip
    done = imported(tmp_path, "\n".join([f"label,{NAMED},{name}", *lines]), name="y.csv")
    assert done.splits == {"train": sorted(expected[0] + expected[2]), "test": expected[1]}


def test_a_column_of_yes_and_no_tells_the_split_too(tmp_path):
    lines = [f"{label},{int(i % 4 == 0)},{row}"
             for i, (label, row) in enumerate(zip(LABELS, ROWS, strict=True))]  # fmt: skip
    done = imported(tmp_path, "\n".join([f"label,is_test,{NAMED}", *lines]))
    assert done.splits["test"] == sorted((LABELS[i], PIXELS[i].tobytes()) for i in range(0, 24, 4))


def test_a_column_called_split_that_names_none_is_passed_over_and_said(tmp_path):
    lines = [f"{label},{i % 5},{row}"
             for i, (label, row) in enumerate(zip(LABELS, ROWS, strict=True))]  # fmt: skip
    done = imported(tmp_path, "\n".join([f"label,split,{NAMED}", *lines]), "--test-split", 0)
    assert done.all == EXPECTED
    assert "column 'split'" in done.printed


@pytest.mark.parametrize("spelt", ["{}.0", "{}.000000000000000000e+00"])
def test_labels_that_are_whole_numbers_are_so_whatever_wrote_them(tmp_path, spelt):
    lines = [f"{spelt.format(label)},{row}" for label, row in zip(LABELS, ROWS, strict=True)]
    done = imported(tmp_path, "\n".join(lines), "--test-split", 0)
    assert done.all == EXPECTED, done.printed


def test_all_of_a_table_as_numpy_writes_it(tmp_path):
    table = np.column_stack([np.array(LABELS, float), PIXELS])
    np.savetxt(tmp_path / "x.csv", table, delimiter=",", header=f"label,{NAMED}")
    done = run_import("csv", tmp_path / "x.csv", "--test-split", 0)
    assert done.all == EXPECTED, done.printed


@pytest.mark.parametrize("missing", ["", "-1"])
def test_rows_of_pixels_without_a_label_are_left_out_of_the_test_images_alone(tmp_path, missing):
    splits = ["train"] * 20 + ["test"] * 4
    labels = [*LABELS[:22], missing, missing]
    lines = [",".join(row) for row in zip(labels, ROWS, splits, strict=True)]
    done = imported(tmp_path, "\n".join([f"label,{NAMED},split", *lines]))
    assert len(done.splits["train"]) == 20, done.printed
    assert len(done.splits["test"]) == 2
    assert "test images without a label (2)" in done.printed
    lines[3] = f",{ROWS[3]},train"
    refused = imported(tmp_path, "\n".join([f"label,{NAMED},split", *lines]))
    assert_one_line(refused, "1 images have no label")


def test_a_line_without_an_end_is_refused_before_it_is_looked_at(tmp_path):
    packed = gzip.compress(b"1," * (MOST_LINE // 2) + b"1\n2,1\n")
    assert len(packed) < 50_000
    assert_one_line(imported(tmp_path, packed), "line 1 has 16,777,216 characters or more")


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"])
def test_a_file_packed_otherwise_is_told(tmp_path, start):
    assert_one_line(imported(tmp_path, start + bytes(50)), "unpack it")
