"""`ridge-spark update`: adding and withdrawing give what training from scratch gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset
from ridge_spark.errors import InputError
from ridge_spark.ridge.downdate import downdate
from ridge_spark.ridge.statistics import Statistics
from tests.support import SMALL_NAMES, SMALL_SHAPE, assert_refused, draw_images

LAMBDAS = "1,100,10000"


def save(
    folder: Path, images, labels, names=SMALL_NAMES, shape=SMALL_SHAPE, preparation=None
) -> Path:
    description = Description(shape, names, "drawn", preparation or {})
    write_dataset(str(folder), description, {"train": [(images, labels)]})
    return folder


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Path]:
    images, labels = draw_images(900, 30, 3)
    cuts = {"old": slice(0, 600), "new": slice(600, 900), "all": slice(0, 900)}
    return {name: save(tmp_path / name, images[cut], labels[cut]) for name, cut in cuts.items()}


def result(run: Path) -> dict:
    return json.loads((run / "result.json").read_text())


def train(ridge_spark, data: Path, out: Path, *options: object) -> dict:
    done = ridge_spark("train", "--data", data, "--lambdas", LAMBDAS, "--out", out, *options)
    assert done.returncode == 0, done.stderr
    return result(out)


def test_adding_and_removing_equal_training_from_scratch(ridge_spark, parts, tmp_path):
    whole = train(ridge_spark, parts["all"], tmp_path / "whole")
    old = train(ridge_spark, parts["old"], tmp_path / "half")
    done = ridge_spark("update", "--model", "half", "--add", parts["new"], "--out", "up")
    assert done.returncode == 0, done.stderr
    done = ridge_spark("update", "--model", "up", "--remove", parts["new"], "--out", "down")
    assert done.returncode == 0, done.stderr
    up, down = result(tmp_path / "up"), result(tmp_path / "down")
    assert up["statistics_sha256"] == whole["statistics_sha256"] != old["statistics_sha256"]
    assert down["statistics_sha256"] == old["statistics_sha256"]
    assert (up["n_train"], down["n_train"]) == (900, 600)
    assert up["best_lambda"] == down["best_lambda"] == old["best_lambda"]
    assert np.allclose(up["gcv"], whole["gcv"], rtol=1e-9)
    assert up["update"]["changes"][0]["n"] == 300
    assert (tmp_path / "up" / "report.html").exists()

    scratch = train(
        ridge_spark, parts["all"], tmp_path / "same", "--lambdas", str(up["best_lambda"])
    )
    from ridge_spark.model import Model

    ours, theirs = (Model.load(tmp_path / name / "model.safetensors") for name in ("up", "same"))
    assert scratch["statistics_sha256"] == up["statistics_sha256"]
    assert np.allclose(ours.coef, theirs.coef, rtol=1e-9, atol=1e-15)


def test_images_are_seen_through_the_features_of_the_run(ridge_spark, parts, tmp_path):
    """The map stays the one that was found, and comes back to the statistics it started from."""
    from ridge_spark.model import Model

    features = ("--features", "patches:filters=16,units=16", "--side", "primal")
    old = train(ridge_spark, parts["old"], tmp_path / "half", *features)
    add = ("--add", parts["new"], "--test", parts["new"] / "train")
    done = ridge_spark("update", "--model", "half", *add, "--out", "up")
    assert done.returncode == 0, done.stderr
    done = ridge_spark("update", "--model", "up", "--remove", parts["new"], "--out", "down")
    assert done.returncode == 0, done.stderr
    up, down = result(tmp_path / "up"), result(tmp_path / "down")
    images, labels = draw_images(900, 30, 3)
    model = Model.load(tmp_path / "up" / "model.safetensors")
    expected = Statistics.of(model.features(images), labels, 3)
    assert up["statistics_sha256"] == expected.sha256()
    assert up["features_sha256"] == old["features_sha256"] == model.features.sha256
    assert down["statistics_sha256"] == old["statistics_sha256"]
    assert down["model_sha256"] == old["model_sha256"]


def test_the_keys_of_the_result_are_those_of_any_run(ridge_spark, parts, tmp_path):
    old = train(ridge_spark, parts["old"], tmp_path / "half")
    done = ridge_spark("update", "--model", "half", "--add", parts["new"], "--out", "up", "--json")
    assert json.loads(done.stdout) == result(tmp_path / "up")
    assert set(result(tmp_path / "up")) == (set(old) | {"update"}) - {"held_out", "plan"}
    assert result(tmp_path / "up")["validation_accuracy"] == [None] * 3


def test_lambda_is_kept_or_chosen_by_gcv_and_it_says_which(ridge_spark, parts, tmp_path):
    train(ridge_spark, parts["old"], tmp_path / "half")
    done = ridge_spark(
        "update", "--model", "half", "--add", parts["new"], "--by-gcv", "--out", "up",
        "--test", parts["all"],
    )  # fmt: skip
    found = result(tmp_path / "up")
    assert found["best_lambda"] == found["lambdas"][int(np.argmin(found["gcv"]))]
    assert "chosen by GCV" in done.stdout
    assert found["n_test"] == 900
    done = ridge_spark("update", "--model", "half", "--add", parts["new"], "--out", "kept")
    assert "kept from the run" in done.stdout
    assert "best" not in done.stdout
    assert "<-" not in done.stdout


def test_classes_are_matched_by_name(ridge_spark, parts, tmp_path):
    train(ridge_spark, parts["old"], tmp_path / "half")
    images, labels = draw_images(900, 30, 3)
    only = labels == 2
    save(tmp_path / "cats", images[only], np.zeros(only.sum(), int), names=("cat",))
    done = ridge_spark("update", "--model", "half", "--add", "cats", "--out", "up")
    assert done.returncode == 0, done.stderr
    counts = Statistics.load(tmp_path / "up" / "statistics.safetensors").counts
    before = Statistics.load(tmp_path / "half" / "statistics.safetensors").counts
    assert (counts - before).tolist() == [0, 0, only.sum()]


def test_what_can_not_be_added_or_withdrawn_is_refused(ridge_spark, parts, tmp_path):
    train(ridge_spark, parts["old"], tmp_path / "half")
    images, labels = draw_images(900, 30, 3)
    dogs = save(tmp_path / "dogs", images, labels, names=("ant", "bee", "dog"))
    wide = save(tmp_path / "wide", images, labels, shape=(5, 6, 1))
    other = save(tmp_path / "other", images, labels, preparation={"channel": "gray"})
    never = save(tmp_path / "never", *draw_images(500, 30, 3, seed=5))

    def update(*options):
        return ridge_spark("update", "--model", "half", "--out", "x", *options)

    assert_refused(update(), "--add")
    for change in ("--add", "--remove"):
        assert_refused(update(change, dogs), "'dog'")
        assert_refused(update(change, wide), "5x6x1", "6x5x1")
        assert_refused(update(change, other), "channel gray")
        assert_refused(update(change, "nowhere"), "nowhere")
    assert_refused(update("--remove", parts["all"]), "--remove", "not all part of")
    assert_refused(update("--remove", never), "--remove", "not all part of")
    assert_refused(update("--remove", parts["old"]), "no image of class 'ant' would be left")
    assert_refused(update("--add", parts["new"], "--test", dogs), "--test")
    assert not (tmp_path / "x").exists()


def test_a_run_that_is_damaged_or_none_is_refused(ridge_spark, parts, tmp_path):
    train(ridge_spark, parts["old"], tmp_path / "half")
    add = ("--add", parts["new"], "--out", "x")
    assert_refused(ridge_spark("update", "--model", "nowhere", *add), "nowhere: not a run")
    statistics = Statistics.load(tmp_path / "half" / "statistics.safetensors")
    statistics.counts[0] += 1
    statistics.save(tmp_path / "half" / "statistics.safetensors")
    assert_refused(ridge_spark("update", "--model", "half", *add), "statistics.safetensors")
    (tmp_path / "half" / "result.json").write_text("{}")
    assert_refused(ridge_spark("update", "--model", "half", *add), "result.json")


def test_images_under_other_labels_than_they_had_are_refused():
    """All sums of pixels and X'X are right then: only the scatter within classes tells."""
    images, labels = draw_images(900, 30, 3)
    total = Statistics.of(images, labels, 3)
    some = slice(0, 120)
    wrong = (labels[some] + 1) % 3
    assert downdate(total, Statistics.of(images[some], labels[some], 3)).n == 780
    with pytest.raises(InputError, match="or under other labels"):
        downdate(total, Statistics.of(images[some], wrong, 3))


def test_a_pixel_that_can_not_have_such_squares_is_refused():
    """Sums and squares that are possible by themselves, and not of two classes: by one, exactly."""
    n = 10**9
    least = n * 200**2  # of a class of all 200s, beside one of all 0s
    for short, refused in ((0, False), (1, True)):
        total = Statistics(
            np.array([n, n]), np.array([[0], [200 * n]]), np.array([[least - short]])
        )
        if refused:
            with pytest.raises(InputError, match="or under other labels"):
                downdate(total, Statistics.zeros(2, 1))
        else:
            assert downdate(total, Statistics.zeros(2, 1)) == total


images_of = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 256, (12, 5), np.uint8)
)


@settings(max_examples=60)
@given(images_of, images_of)
def test_withdrawing_what_was_in_is_exact(first, second):
    labels = np.arange(12) % 3
    a, b = (Statistics.of(images, labels, 3) for images in (first, second))
    assert downdate(a + b, b) == a
    assert downdate(a, a) == Statistics.zeros(3, 5)


@settings(max_examples=60)
@given(images_of, st.integers(0, 11), st.integers(0, 4), st.integers(1, 255))
def test_withdrawing_an_image_that_differs_in_one_pixel_is_refused(images, row, pixel, change):
    """With as few images as these, nothing but what was in can be taken out unnoticed."""
    labels = np.arange(12) % 3
    total = Statistics.of(images[:4], labels[:4], 3)
    altered = images[row % 4 : row % 4 + 1].copy()
    altered[0, pixel] = (int(altered[0, pixel]) + change) % 256
    with pytest.raises(InputError, match="not all part of"):
        downdate(total, Statistics.of(altered, labels[row % 4 : row % 4 + 1], 3))


def test_each_bound_is_checked():
    one = np.full((1, 2), 100, np.uint8)
    total = Statistics.of(np.repeat(one, 3, axis=0), np.array([0, 0, 1]), 2)
    for altered in (
        Statistics(np.array([2, 0]), np.array([[0, 0], [0, 0]]), np.zeros((2, 2), int)),
        Statistics(np.array([0, 0]), np.array([[0, 0], [0, 0]]), np.diag([29_900, 0])),
        Statistics(np.array([0, 0]), np.array([[199, 0], [100, 0]]), np.zeros((2, 2), int)),
    ):
        with pytest.raises(InputError, match="no statistics of 8-bit images"):
            downdate(total, altered)


def test_the_same_images_twice_are_told(ridge_spark, parts, tmp_path):
    """Within one update, across updates, and those of the training; not where they were removed."""
    train(ridge_spark, parts["old"], tmp_path / "a")
    warnings = {}
    for name, run, options in [
        ("b", "a", ("--add", parts["new"])),
        ("c", "b", ("--add", parts["new"])),
        ("d", "b", ("--remove", parts["new"])),
        ("e", "d", ("--add", parts["new"], "--add", parts["new"])),
        ("f", "d", ("--add", parts["old"])),
    ]:
        done = ridge_spark("update", "--model", run, *options, "--out", name, "--no-report")
        assert done.returncode == 0, done.stderr
        warnings[name] = result(tmp_path / name)["warnings"]
        assert all(f"warning: {told}" in done.stderr for told in warnings[name])
    assert warnings["b"] == warnings["d"] == []
    twice = f"the images of {parts['new']} are in the model already, from {parts['new']}"
    told = f"{twice}: each of them now counts 2 times; if that is not meant, --remove them"
    assert warnings["c"] == warnings["e"] == [told]
    assert warnings["f"][0].startswith(f"the images of {parts['old']} are in the model already")
    before = result(tmp_path / "e")["update"]["before"]
    assert [change["n"] for change in before] == [600, 300, 300]
