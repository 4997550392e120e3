"""Names of classes and files are anybody's: none steers a terminal or forges a line of output."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from PIL import Image

from ridge_spark.printable import json_line, printable
from tests.support import call_main

HOSTILE = "a\x1b[2J\nridge-spark: error: forged\r\x9b31m\u202ecba"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")  # but for what ends lines and fields


def test_what_steers_is_escaped_and_all_else_is_as_it_was():
    assert printable("a\n\t\x1b[1m\x7f\x9b\u2028\u202e") == (r"a\n\t\x1b[1m\x7f\x9b\u2028\u202e")
    for text in ("λ ± 漢字 \u3000 עברית नमस्ते 👩\u200d👩", "C:\\new", "caf\udce9"):
        assert printable(text) == text


@pytest.mark.parametrize(
    "command",
    [
        ("train", "--out", "new", "--data"),
        ("import", "--out", "new", "folder"),
        ("predict", "a.png", "--model"),
        ("evaluate", "--data", "data", "--model"),
        ("verify",),
        ("list",),
        ("train", "--data", "data", "--out"),
    ],
)
def test_no_key_in_an_address_is_shown(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for secret in ("SECRET", "SEC/RET"):
        done = call_main(*command, f"gs://KEY:{secret}@bucket/x")
        assert done.returncode == 2
        assert "bucket" in done.stderr
        assert not {"KEY", "SEC"} & set(re.findall(r"KEY|SEC|RET", done.stdout + done.stderr))


def test_json_is_exact_and_harmless():
    about = {HOSTILE: ["\x7f\x85\u2066", 1.5]}
    line = json_line(about)
    assert json.loads(line) == about
    assert printable(line) == line


@pytest.fixture
def folders(tmp_path):
    """Images of two classes, in folders of plain names and of hostile ones; and a damaged one."""
    for folder, names in (("plain", ("a", "b")), ("hostile", (HOSTILE, HOSTILE + "2"))):
        for number, name in enumerate(names):
            (tmp_path / folder / name).mkdir(parents=True)
            for image in range(20):
                shade = (90 * number + 5 * image) % 256
                Image.new("L", (4, 4), shade).save(tmp_path / folder / name / f"{image}.png")
        (tmp_path / folder / names[0] / "x.png").write_bytes(b"no image")
    return ("plain", ("a", "b")), ("hostile", (HOSTILE, HOSTILE + "2"))


def test_what_is_shown_has_the_lines_it_has_of_plain_names(folders, tmp_path, monkeypatch):
    """The same number of lines and fields, and nothing that steers, on both streams."""
    monkeypatch.chdir(tmp_path)
    shown = {}
    for folder, names in folders:
        image, model = f"{folder}/{names[0]}/1.png", ("--model", f"{folder}-run")
        data = ("--data", f"{folder}-data")
        imported = ("--test-split", "0.2", "--skip-bad", "--workers", 1, "--out", data[1])
        shown[folder] = [
            call_main("import", "folder", folder, *imported),
            call_main("train", *data, "--lambdas", "1", "--out", model[1]),
            call_main("evaluate", *data, *model),
            call_main("predict", *model, image),
            call_main("predict", *model, image, "--csv"),
            call_main("predict", *model, f"{folder}/{names[0]}/x.png"),
            call_main("train", "--data", f"{folder}/{names[0]}", "--out", "new"),
            call_main("list", model[1]),
        ]
    for plain, hostile in zip(shown["plain"], shown["hostile"], strict=True):
        assert plain.returncode == hostile.returncode, hostile.stderr
        for one, other in ((plain.stdout, hostile.stdout), (plain.stderr, hostile.stderr)):
            assert one.count("\n") == other.count("\n"), other
            assert one.count("\t") == other.count("\t")
            assert not STEERING.search(other), other
    assert [done.returncode for done in shown["hostile"]] == [0, 0, 0, 0, 0, 2, 2, 0]
    predicted = next(csv.DictReader(io.StringIO(shown["hostile"][4].stdout)))
    assert predicted["class"] in map(printable, (HOSTILE, HOSTILE + "2"))
    file = f"hostile/{HOSTILE}/1.png"
    done = call_main("predict", "--model", "hostile-run", file, "--json")
    assert json.loads(done.stdout)["file"] == file
    assert not STEERING.search(done.stdout)
    assert not STEERING.search((tmp_path / "hostile-run" / "report.html").read_text())
