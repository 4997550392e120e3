"""`ridge-spark predict` and `evaluate`: files prepared as at import, tables that add up."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.ridge.metrics import Metrics
from tests.importing.pictures import encode, noise, read_all, write
from tests.support import HANGS, assert_refused


def scores_of_files(output: str) -> dict[str, list[float]]:
    rows = list(csv.reader(io.StringIO(output)))[1:]
    return {row[0] + row[1]: list(map(float, row[8:])) for row in rows}


def test_files_score_as_the_images_imported_from_them(ridge_spark, pictures_run):
    done = ridge_spark("predict", "--model", pictures_run / "run", pictures_run / "png", "--csv")
    assert done.returncode == 0, done.stderr
    of_files = sorted(scores_of_files(done.stdout).values())
    done = ridge_spark("predict", "--model", pictures_run / "run", pictures_run / "data", "--csv")
    of_data = sorted(scores_of_files(done.stdout).values())
    assert len(of_files) == 180
    assert np.allclose(of_files, of_data, atol=1e-9, rtol=0)


def test_the_three_outputs_agree(ridge_spark, pictures_run):
    image = next((pictures_run / "png" / "ant").iterdir())
    model = Model.load(pictures_run / "run" / "model.safetensors")
    lines = ridge_spark("predict", "--model", pictures_run / "run", image).stdout
    table = ridge_spark("predict", "--model", pictures_run / "run", image, "--csv").stdout
    about = json.loads(
        ridge_spark("predict", "--model", pictures_run / "run", image, "--json").stdout
    )
    header, row = csv.reader(io.StringIO(table))
    common = ["file", "row", "label", "class", "score", "margin", "probability", "runner_up"]
    assert header == [*common, *(f"score {name}" for name in model.class_names)]
    assert list(about) == [*common, "scores"]
    scores = sorted(about["scores"].values())
    assert about["margin"] == scores[-1] - scores[-2]
    assert about["scores"][about["class"]] == scores[-1]
    assert about["score"] == scores[-1]
    assert about["scores"][about["runner_up"]] == scores[-2]
    assert (about["row"], about["label"]) == (None, None)  # which files do not have
    figures = [repr(about[name]) for name in ("score", "margin", "probability")]
    assert row[:8] == [str(image), "", "", about["class"], *figures, about["runner_up"]]
    assert lines == f"{image}\t{about['class']}\t{about['margin']:.3f}\n"


def test_probabilities_are_the_softmax_of_scores_by_the_temperature(ridge_spark, pictures_run):
    run, image = pictures_run / "run", next((pictures_run / "png" / "bee").iterdir())
    temperature = json.loads((run / "result.json").read_text())["temperature"]
    names = Model.load(run / "model.safetensors").class_names
    about = json.loads(
        ridge_spark("predict", "--model", run, image, "--json", "--proba", "--top-k", 2).stdout
    )
    weights = {name: math.exp(s / temperature) for name, s in about["scores"].items()}
    expected = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    assert about["probabilities"] == pytest.approx(expected, rel=1e-12)
    assert about["probability"] == about["probabilities"][about["class"]]
    first, second = sorted(names, key=lambda name: -expected[name])[:2]
    top = [{"class": name, "probability": about["probabilities"][name]} for name in (first, second)]
    assert about["top"] == top
    line = ridge_spark("predict", "--model", run, image, "--proba").stdout
    assert line == f"{image}\t{first}\t{expected[first]:.4f}\n"
    line = ridge_spark("predict", "--model", run, image, "--top-k", 2).stdout
    assert line == f"{image}\t{first}\t{expected[first]:.4f}\t{second}\t{expected[second]:.4f}\n"
    assert_refused(ridge_spark("predict", "--model", run, image, "--top-k", 9), "--top-k 9")


def test_a_model_without_a_temperature_says_what_is_missing(ridge_spark, pictures_run, tmp_path):
    """As models of before are: read as ever, but for probabilities."""
    model = Model.load(pictures_run / "run" / "model.safetensors")
    replace(model, temperature=None).save(tmp_path / "old.safetensors")
    data = pictures_run / "data"
    old = ("predict", "--model", "old.safetensors", data)
    new = ("predict", "--model", pictures_run / "run", data)
    assert ridge_spark(*old).stdout == ridge_spark(*new).stdout
    assert_refused(ridge_spark(*old, "--proba"), "old.safetensors", "temperature", "train again")
    _, *rows = csv.reader(io.StringIO(ridge_spark(*old, "--csv").stdout))
    assert {row[6] for row in rows} == {""}
    assert Model.load(tmp_path / "old.safetensors").sha256() == model.sha256()
    with pytest.raises(InputError, match="temperature"):
        replace(model, temperature=None).predict_proba(read_all(data, "test")[0])


def test_rows_of_a_data_set_have_their_number_and_label(ridge_spark, pictures_run):
    data = pictures_run / "data" / "test"
    _, labels = read_all(pictures_run / "data", "test")
    names = Model.load(pictures_run / "run" / "model.safetensors").class_names
    done = ridge_spark("predict", "--model", pictures_run / "run", data, "--csv")
    _, *rows = csv.reader(io.StringIO(done.stdout))
    assert [row[:3] for row in rows] == [
        [str(data), str(row), names[label]] for row, label in enumerate(labels)
    ]


def test_standard_input_names_files(ridge_spark, pictures_run):
    folder = pictures_run / "png" / "ant"
    named = ridge_spark("predict", "--model", pictures_run / "run", folder)
    files = "".join(f"{path}\n" for path in sorted(folder.iterdir()))
    done = ridge_spark("predict", "--model", pictures_run / "run", "-", input=files)
    assert done.stdout.count("\n") == 60
    assert done.stdout == named.stdout
    missing = ridge_spark("predict", "--model", pictures_run / "run", "-", input="none.png\n")
    assert_refused(missing, "none.png")


def test_a_data_set_is_predicted_row_by_row(ridge_spark, pictures_run):
    done = ridge_spark("predict", "--model", pictures_run / "run", pictures_run / "data" / "test")
    images, _ = read_all(pictures_run / "data", "test")
    model = Model.load(pictures_run / "run" / "model.safetensors")
    expected = [model.class_names[number] for number in model.predict(images)]
    names = [line.split("\t")[0].rpartition(":")[2] for line in done.stdout.splitlines()]
    assert names == [str(row) for row in range(len(images))]
    assert [line.split("\t")[1] for line in done.stdout.splitlines()] == expected


def test_mnist_digits_saved_as_png_are_predicted_as_in_the_data_set(
    ridge_spark, mnist, mnist_run, tmp_path
):
    block = next(iter(read_blocks(open_split(str(mnist), "test").blocks)))
    for row in range(50):
        write(tmp_path / "png" / f"{row:02d}.png", encode(block.images[row].reshape(28, 28)))
    done = ridge_spark("predict", "--model", mnist_run, "png")
    expected = Model.load(mnist_run / "model.safetensors").predict(block.images[:50])
    assert [line.split("\t")[1] for line in done.stdout.splitlines()] == list(map(str, expected))


def test_bad_images_stop_or_are_skipped(ridge_spark, pictures_run, tmp_path):
    write(tmp_path / "in" / "a.png", noise(8, 8))
    write(tmp_path / "in" / "b.png", b"no picture")
    run = pictures_run / "run"
    assert_refused(ridge_spark("predict", "--model", run, "in"), "in/b.png")
    done = ridge_spark("predict", "--model", run, "in", "--skip-bad")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "in/b.png" in done.stderr
    assert_refused(ridge_spark("predict", "--model", run, "nowhere.png"), "nowhere.png")
    (tmp_path / "empty").mkdir()
    assert_refused(ridge_spark("predict", "--model", run, "empty"), "empty")


def test_options_and_models_that_do_not_fit(ridge_spark, pictures_run, small_data):
    run = pictures_run / "run"
    assert_refused(ridge_spark("predict", "--model", "nowhere", "x.png"), "--model nowhere")
    assert_refused(ridge_spark("predict", "--model", run, small_data), "6x5x1", "8x8x1")
    assert_refused(ridge_spark("predict", "--model", run, "x.png", "--out", "o"), "--out")
    refused = ridge_spark("predict", "--model", run, "x.png", "--engine", "spark")
    assert_refused(refused, "--engine spark")
    assert_refused(ridge_spark("evaluate", "--model", run, "--data", small_data), "6x5x1")
    assert_refused(ridge_spark("evaluate", "--model", run, "--data", "nowhere"), "--data nowhere")


def test_evaluate_says_what_training_said(ridge_spark, pictures_run):
    result = json.loads((pictures_run / "run" / "result.json").read_text())
    about = json.loads(
        ridge_spark(
            "evaluate", "--model", pictures_run / "run", "--data", pictures_run / "data", "--json"
        ).stdout
    )
    assert about["confusion"] == result["confusion"]
    assert about["accuracy"] == result["test_accuracy"]
    shown = ridge_spark(
        "evaluate", "--model", pictures_run / "run", "--data", pictures_run / "data" / "test"
    ).stdout
    low, high = about["interval"]
    assert f"{about['accuracy']:.4f}, 95% confidence interval {low:.4f} to {high:.4f}" in shown
    assert "precision" in shown
    assert "true \\ predicted" in shown


def test_measures_against_a_count_by_hand_and_known_values():
    confusion = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]])
    metrics = Metrics.of(confusion)
    assert metrics.accuracy == 17 / 20
    assert metrics.precision[:2].tolist() == [8 / 9, 9 / 11]
    assert metrics.recall[:2].tolist() == [8 / 10, 9 / 10]
    assert np.isnan(metrics.precision[2])
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for right, n, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        interval = Metrics.of(np.array([[right, n - right], [0, 0]])).interval
        assert interval == pytest.approx((low, high), abs=5e-5)


def test_reading_stops_when_the_reader_does(pictures_run, environment):
    command = [sys.executable, "-m", "ridge_spark", "predict", "--model"]
    command += [str(pictures_run / "run"), *[str(pictures_run / "png")] * 60]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 128 + signal.SIGPIPE
    assert pictures_run.exists()


@pytest.mark.parametrize("given", ["folder", "file", "folder so named"])
def test_a_name_that_is_not_utf8_is_predicted_and_told_as_it_is(
    pictures_run, environment, tmp_path, given
):
    image = next((pictures_run / "png" / "ant").iterdir()).read_bytes()
    folder = b"in\xff" if given == "folder so named" else b"in"
    for name in (b"caf\xe9.png", "café.png".encode()):
        os.makedirs(os.fsencode(tmp_path) + b"/" + folder, exist_ok=True)
        with open(os.fsencode(tmp_path) + b"/" + folder + b"/" + name, "wb") as file:
            file.write(image)
    paths = [folder] if given != "file" else [b"in/caf\xe9.png", "in/café.png".encode()]
    command = Path(sys.executable).with_name("ridge-spark")
    for form in ((), ("--csv",), ("--json",)):
        done = subprocess.run(
            [command, "predict", "--model", pictures_run / "run", *paths, *form], cwd=tmp_path,
            env=environment, capture_output=True, check=False, timeout=HANGS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        if form == ("--json",):
            names = [os.fsencode(json.loads(line)["file"]) for line in lines]
        else:
            names = [line.replace(b",", b"\t").split(b"\t")[0] for line in lines[len(form) :]]
        assert sorted(names) == [folder + b"/caf\xc3\xa9.png", folder + b"/caf\xe9.png"]


def test_an_import_of_names_that_are_not_utf8_is_refused_in_a_line(ridge_spark, tmp_path):
    folder = os.fsencode(tmp_path) + b"/set\xff"
    for name in (b"a", b"b"):
        os.makedirs(folder + b"/" + name)
        for number in range(2):
            with open(folder + b"/" + name + b"/%d.png" % number, "wb") as file:
                file.write(encode(noise(4, 4, seed=number)))
    refused = ridge_spark("import", "folder", os.fsdecode(b"set\xff"), "--out", "o")
    assert_refused(refused, "not UTF-8; rename it")
    os.rename(folder, os.fsencode(tmp_path) + b"/set")
    refused = ridge_spark("import", "folder", "set", "--out", os.fsdecode(b"o\xff"))
    assert_refused(refused, "not UTF-8; rename it")
    assert sorted(os.listdir(os.fsencode(tmp_path))) == [b"set"]


def test_images_of_formats_that_are_not_read_are_told_of(ridge_spark, pictures_run, tmp_path):
    write(tmp_path / "in" / "x" / "0.HEIC", b"x")
    refused = ridge_spark("predict", "--model", pictures_run / "run", "in")
    assert_refused(refused, "in: neither a data set nor", "it has 1 .heic files", "convert")
    write(tmp_path / "in" / "1.png", noise(8, 8))
    done = ridge_spark("predict", "--model", pictures_run / "run", "in")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert "in: 1 .heic files are not read" in done.stderr
