"""report.html as the program writes it: complete, safe, on its own, and never in the way."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from ridge_spark.report.text import rounded
from tests.report.dots import NAMES, SHAPE, write_dots
from tests.report.reader import Page
from tests.support import HANGS, ROOT, Command, assert_refused


def read(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def test_a_run_writes_the_page_and_says_how_long_it_took(finished: Path) -> None:
    result = json.loads((finished / "holdout" / "result.json").read_text())
    page = read(finished / "holdout" / "report.html")
    assert result["seconds"]["report"] > 0
    assert result["stages"][-1]["stage"] == "report"
    assert f"{100 * result['test_accuracy']:.2f}% of 300 test images right" in page.text
    for shown in (
        f"λ = {rounded(result['best_lambda'])} chosen from 10 values",
        result["statistics_sha256"],
        result["model_sha256"],
        result["dataset"],
        f"numpy {result['versions']['numpy']}",
        f"held {result['peak_rss_mb']:,.0f} MiB",
    ):
        assert shown in page.text.replace("\N{NO-BREAK SPACE}", " ")


def test_it_needs_nothing_but_itself_and_runs_nothing(finished: Path) -> None:
    page = read(finished / "holdout" / "report.html")
    others = [each for each in page.addresses if not each.startswith(("data:", "#"))]
    assert others == ["result.json", "model.safetensors", "statistics.safetensors"]
    tags = {tag for tag, _ in page.elements}
    assert tags & {"script", "iframe", "object", "embed", "form"} == set()
    assert page.handlers == []
    policy = [about["content"] for _, about in page.elements if "http-equiv" in about]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    html = (finished / "holdout" / "report.html").read_text()
    assert "url(http" not in html
    assert "@import" not in html


def test_names_are_shown_as_they_are(finished: Path) -> None:
    for page in (read(finished / "holdout" / "report.html"), read(finished / "folds/report.html")):
        for name in NAMES:
            assert name in page.text


def test_every_picture_is_one(finished: Path) -> None:
    pictures = read(finished / "holdout" / "report.html").images
    # Weights and means, two sorts of examples, and of the first what spoke for the answer.
    assert len(pictures) == 2 * len(NAMES) + 3 * 12
    for address in pictures:
        image = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
        image.load()
        assert image.size == (SHAPE[1], SHAPE[0])


def test_the_command_in_it_gives_the_same_run_again(
    finished: Path, program: Command, tmp_path: Path
) -> None:
    result = json.loads((finished / "folds" / "result.json").read_text())
    assert result["command"] in read(finished / "folds" / "report.html").text
    shutil.move(finished / "folds", tmp_path / "moved")
    try:
        done = program(*shlex.split(result["command"])[1:])
        assert done.returncode == 0, done.stderr
        repeated = json.loads((finished / "folds" / "result.json").read_text())
    finally:
        shutil.rmtree(finished / "folds", ignore_errors=True)
        shutil.move(tmp_path / "moved", finished / "folds")
    for key in ("statistics_sha256", "model_sha256", "validation_accuracy", "confusion"):
        assert repeated[key] == result[key]


def test_drawn_again_it_is_the_same(finished: Path, program: Command, tmp_path: Path) -> None:
    pages = []
    for name in ("one.html", "two.html"):
        done = program("report", finished / "holdout", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(tmp_path / name)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_the_time_taken_is_that_of_the_run_without_its_page(
    finished: Path, program: Command, tmp_path: Path
) -> None:
    seconds = json.loads((finished / "holdout" / "result.json").read_text())["seconds"]
    assert program("report", finished / "holdout", "--out", tmp_path / "again.html").returncode == 0
    for page in (finished / "holdout" / "report.html", tmp_path / "again.html"):
        text = read(page).text
        (taken,) = re.findall(r"Time taken\s*([0-9.]+) s", text)
        assert float(taken) == pytest.approx(
            seconds["total"] - seconds["report"], abs=seconds["report"] / 2
        )
        assert ">report</text>" not in page.read_text()


def test_several_runs_side_by_side(finished: Path, program: Command, tmp_path: Path) -> None:
    out = tmp_path / "both.html"
    done = program("report", finished / "holdout", finished / "folds", "--out", out)
    assert done.returncode == 0, done.stderr
    page = read(out)
    assert "2 runs side by side" in page.text
    assert "All were solved from the same statistics of the images, bit for bit" in page.text
    assert "holdout" in page.text
    assert "folds" in page.text
    assert "3-fold cross-validation" in page.text


def test_runs_of_the_same_name_are_told_apart(
    finished: Path, program: Command, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "holdout"
    shutil.copytree(finished / "folds", other)
    done = program("report", finished / "holdout", other, "--out", tmp_path / "both.html")
    assert done.returncode == 0, done.stderr
    assert str(other) in read(tmp_path / "both.html").text


def test_without_a_test_split_it_says_so(program: Command, tmp_path: Path) -> None:
    data = write_dots(tmp_path / "data", {"train": 400})
    done = program("train", "--data", data, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    text = read(tmp_path / "run" / "report.html").text
    assert "no test split, so there is no confusion matrix" in text
    assert "no test split, so there are no test images to show" in text
    assert "held-out images right" in text


def test_where_the_images_are_gone_it_says_so(
    finished: Path, program: Command, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished / "holdout", run)
    (run / "statistics.safetensors").write_bytes(b"damaged")
    (run / "manifest.json").unlink()  # as in runs of earlier versions
    result = json.loads((run / "result.json").read_text())
    result["dataset"] = str(tmp_path / "nowhere")
    result |= {"stages": [], "tasks": [], "command": ""}  # what may not be known of a run
    (run / "result.json").write_text(json.dumps(result))
    done = program("report", run)
    assert done.returncode == 0, done.stderr
    text = read(run / "report.html").text
    assert "The test images could not be read for this page" in text
    assert "The mean images are not known" in text
    assert "When each stage ran was not recorded" in text
    assert "no command to give" in text


def test_no_jinja_costs_the_page_and_nothing_else(
    dots: Path, program: Command, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "jinja2.py").write_text("raise ImportError('no jinja2 here')\n")
    done = program(
        "train", "--data", dots, "--out", tmp_path / "run", PYTHONPATH=f"{broken}:{ROOT}"
    )
    assert done.returncode == 0, done.stderr
    assert "warning: no report.html (ImportError: no jinja2 here)" in done.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "manifest.json",
        "model.safetensors",
        "statistics.safetensors",
        "result.json",
    }
    assert program("report", tmp_path / "run").returncode == 0


def test_no_room_for_the_page_costs_the_page_and_nothing_else(dots: Path, tmp_path: Path) -> None:
    """The statistics of these images take 26 kB, the page more than 60."""
    train = ["-m", "ridge_spark", "train", "--data", dots, "--out", tmp_path / "run"]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 50; exec "$0" "$@"', sys.executable, *train],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "result.json").is_file()
    assert not (tmp_path / "run" / "report.html").exists()
    assert "report.html" in done.stderr


def test_what_is_no_run_is_refused_in_one_line(program: Command, tmp_path: Path) -> None:
    done = program("report", tmp_path, "--out", tmp_path / "page.html")
    assert done.returncode == 2
    assert done.stderr.startswith(f"ridge-spark: error: {tmp_path}: not a run directory")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_several_runs_need_a_file_to_go_to(finished: Path, program: Command) -> None:
    done = program("report", finished / "holdout", finished / "folds")
    assert done.returncode == 2
    assert "--out" in done.stderr


def test_a_file_that_cannot_be_written_is_named(
    finished: Path, program: Command, tmp_path: Path
) -> None:
    done = program("report", finished / "holdout", "--out", tmp_path / "none" / "page.html")
    assert done.returncode == 2
    assert str(tmp_path / "none" / "page.html") in done.stderr
    assert "Traceback" not in done.stderr


def test_only_pages_of_ours_are_replaced(finished, program, tmp_path):
    page, notes = tmp_path / "page.html", tmp_path / "notes.html"
    for _ in range(2):
        assert program("report", finished / "holdout", "--out", page).returncode == 0
    notes.write_text("<!doctype html><title>My notes</title>")
    for out in (notes, tmp_path):
        done = program("report", finished / "holdout", "--out", out)
        assert_refused(done, out, "no page of this program")
    assert "My notes" in notes.read_text()


def test_the_links_of_a_page_lead_to_the_files_of_its_runs(finished, program, tmp_path):
    out = tmp_path / "a folder" / "page.html"
    out.parent.mkdir()
    odd = tmp_path / "50% of it"
    shutil.copytree(finished / "folds", odd)
    assert program("report", finished / "holdout", odd, "--out", out).returncode == 0
    links = [a for a in read(out).addresses if not a.startswith(("data:", "#"))]
    assert len(links) == 6
    for link in links:
        assert (out.parent / unquote(link)).is_file()
    assert "../50%25%20of%20it/result.json" in links


def test_what_the_test_images_show(finished: Path) -> None:
    result = json.loads((finished / "holdout" / "result.json").read_text())
    text = read(finished / "holdout" / "report.html").text.replace("\N{NO-BREAK SPACE}", " ")
    wrong = round(300 * (1 - result["test_accuracy"]))
    assert f"right: {300 - wrong}" in text
    assert f"wrong: {wrong}" in text
    recalls = [row[i] / sum(row) for i, row in enumerate(result["confusion"])]
    shown = re.search(r"Macro recall\s*([0-9.]+)%", text)
    assert shown
    assert float(shown[1]) == pytest.approx(100 * sum(recalls) / 4, abs=0.006)
    assert "The right class is among the two highest scores for" in text
    assert re.search(r"95% interval: [0-9.]+% to [0-9.]+%", text)
    assert "Training images of a class: from " in text
    assert " read as " in text
