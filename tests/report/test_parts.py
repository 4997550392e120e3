"""The parts of the page, each with a known answer."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import DatasetWriter
from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.printable import without_secrets
from ridge_spark.report import occlusion, pictures
from ridge_spark.report.examples import SHOWN, Example, find_examples
from ridge_spark.report.occlusion import spoke_for_the_answer
from ridge_spark.report.reliability import SIDE, reliability_diagram
from ridge_spark.report.scales import LogScale, Scale, ticks
from ridge_spark.report.scored import score_test_images
from ridge_spark.report.svg import shortened, width_of
from ridge_spark.report.text import (
    bytes_of,
    plural,
    power_of_ten,
    rounded,
    seconds_of,
)
from ridge_spark.report.times import own_seconds, task_times, workers
from ridge_spark.runs.result import Calibration, Result, StageRecord, TaskRecord


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (seconds_of(0.4216), "0.42 s"),
        (seconds_of(9.999), "10.0 s"),
        (seconds_of(59.97), "1 min 0 s"),
        (seconds_of(200), "3 min 20 s"),
        (seconds_of(7500), "2 h 5 min"),
        (bytes_of(784), "784 bytes"),
        (bytes_of(47_040_000), "47 MB"),
        (bytes_of(7_840_000), "7.8 MB"),
        (bytes_of(3 * 10**15), "3000 TB"),
        (plural(1, "task"), "1 task"),
        (plural(60_000, "image"), "60,000 images"),
        (power_of_ten(1e-5), "10⁻⁵"),
        (power_of_ten(0.1), "0.1"),
        (power_of_ten(0), "0"),
        (power_of_ten(1e12), "10¹²"),
        (power_of_ten(2e5), "200000"),
        (rounded(599.4843), "599.5"),
        (rounded(2420.13), "2,420"),
        (rounded(1e5), "100,000"),
        (rounded(1e12), "10¹²"),
        (rounded(0.0016681), "0.001668"),
        (rounded(1.29155e-4), "1.292 × 10⁻⁴"),
        (rounded(1e-5), "10⁻⁵"),
        (rounded(999.96), "1,000"),
        (rounded(0), "0"),
    ],
)
def test_numbers_as_people_read_them(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ("--data s3://key:secret@bucket/d --out run", "--data s3://bucket/d --out run"),
        ("s3://key@bucket/a s3://k:s@b/c", "s3://bucket/a s3://b/c"),
        ("/home/me@work/data", "/home/me@work/data"),
        ("s3://bucket/me@work", "s3://bucket/me@work"),
        ("s3://bucket/me:x@work", "s3://bucket/me:x@work"),
        ("s3://KEY:SEC/RE+T=@bucket/d:1", "s3://bucket/d:1"),
        ("s3:/key:secret@bucket", "s3:/bucket"),  # as a path is written
    ],
)
def test_no_key_of_an_object_store_is_shown(given_: str, shown: str) -> None:
    assert without_secrets(given_) == shown


def test_a_stage_inside_another_counts_once_and_drawing_the_report_not_at_all(
    result: Result,
) -> None:
    stages = (
        StageRecord("inside", 2, 5), StageRecord("around", 1, 7), StageRecord("last", 7, 8),
        StageRecord("report", 10, 12),
    )  # fmt: skip
    run = replace(result, stages=stages, seconds={"report": 2.0, "total": 12.0})
    assert own_seconds(run) == {"around": 3, "inside": 3, "last": 1, "other": 3}


def test_workers_and_tasks_are_added_up(result: Result) -> None:
    tasks = (
        TaskRecord("one", 0, 1, "a/1", 100), TaskRecord("one", 0, 4, "b/2", 300),
        TaskRecord("two", 4, 6, "a/1", 200), TaskRecord("one", 1, 3, "a/1", 150),
    )  # fmt: skip
    run = replace(result, tasks=tasks)
    busiest, other = workers(run)
    assert (busiest.name, busiest.tasks, busiest.busy, busiest.peak_rss_mb) == ("a/1", 3, 5, 200)
    assert (other.name, other.tasks, other.busy, other.peak_rss_mb) == ("b/2", 1, 4, 300)
    one, two = task_times(run)
    assert (one.stage, one.tasks, one.shortest, one.middle, one.longest) == ("one", 3, 1, 2, 4)
    assert (two.stage, two.tasks) == ("two", 1)


def decoded(address: str) -> Any:
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_weights_are_blue_for_and_orange_against() -> None:
    coef = np.array([[1.0, -1.0, 0.5], [0.0, 0.0, -0.25]])
    first, second = (decoded(each)[0] for each in pictures.weight_pictures(coef, (1, 3, 1)))
    assert first[0].tolist() == [*pictures.BLUE, 255]
    assert first[1].tolist() == [*pictures.ORANGE, 255]
    assert first[2].tolist()[:3] == list(pictures.BLUE)
    assert 0 < first[2][3] < 255
    assert second[0][3] == second[1][3] == 0
    assert 0 < second[2][3] < first[2][3]  # one scale for all classes


def test_no_weights_at_all_are_transparent() -> None:
    for address in pictures.weight_pictures(np.zeros((3, 12)), (2, 2, 3)):
        assert not decoded(address)[..., 3].any()


def test_a_colour_image_keeps_its_colours_and_a_large_one_is_made_small() -> None:
    image = np.arange(12, dtype=np.uint8)
    assert decoded(pictures.picture(image, (2, 2, 3))).ravel().tolist() == image.tolist()
    large = decoded(pictures.picture(np.zeros(300 * 200, np.uint8), (300, 200, 1)))
    assert max(large.shape) == pictures.MOST_SIDE


def write_scores(folder: Path, first: list[int], labels: list[int]) -> Model:
    """One-pixel images whose scores are 0, the pixel, and 2 x 100 less the pixel."""
    names = ("zero", "up", "down")
    with DatasetWriter(str(folder), Description((1, 1, 1), names, "scores")) as writer:
        for split in ("train", "test"):
            writer.append(split, np.array(first, np.uint8)[:, None], np.array(labels))
    return Model(
        np.array([[0.0], [1.0], [-1.0]]), np.array([0.0, 0.0, 200.0]), names, (1, 1, 1), 1.0
    )


def test_the_most_wrong_and_least_certain_are_found(tmp_path: Path) -> None:
    # Scores (0, 10, 190), (0, 101, 99), (0, 150, 50), (0, 90, 110), (0, 99, 101)
    model = write_scores(tmp_path / "data", [10, 101, 150, 90, 99], [1, 1, 2, 2, 0])
    found = find_examples(score_test_images(str(tmp_path / "data"), model))
    assert (found.looked_at, found.of) == (5, 5)
    wrong = [(e.row, e.true, e.predicted, e.rival, e.margin) for e in found.wrong]
    assert wrong == [(0, 1, 2, 1, 180.0), (4, 0, 2, 0, 101.0), (2, 2, 1, 2, 100.0)]
    uncertain = [(e.row, e.predicted, e.rival, e.margin) for e in found.uncertain]
    assert uncertain[:3] == [(1, 1, 2, 2.0), (4, 2, 1, 2.0), (3, 2, 1, 20.0)]
    assert found.wrong[0].image.tolist() == [10]


def test_it_looks_at_no_more_images_than_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_scores(tmp_path / "data", list(range(50)), [0] * 50)
    monkeypatch.setattr("ridge_spark.report.scored.MOST_IMAGES", 20)
    found = find_examples(score_test_images(str(tmp_path / "data"), model))
    assert (found.looked_at, found.of) == (20, 50)
    assert len(found.wrong) == len(found.uncertain) == SHOWN


def test_images_of_another_kind_are_refused(tmp_path: Path) -> None:
    model = write_scores(tmp_path / "data", [1, 2], [0, 1])
    other = Model(np.zeros((3, 4)), np.zeros(3), model.class_names, (2, 2, 1), 1.0)
    with pytest.raises(InputError, match="those of the model are"):
        score_test_images(str(tmp_path / "data"), other)


def test_how_often_the_right_class_is_among_the_first(tmp_path: Path) -> None:
    # Scores (0, 10, 190), (0, 101, 99), (0, 150, 50): right is second, first, third.
    model = write_scores(tmp_path / "data", [10, 101, 150], [1, 1, 0])
    scored = score_test_images(str(tmp_path / "data"), model)
    assert scored.top() == [(2, pytest.approx(2 / 3))]
    assert scored.predicted.tolist() == [2, 1, 1]
    assert scored.runner_up().tolist() == [1, 2, 2]
    assert scored.lead_over(scored.runner_up()).tolist() == [180, 2, 100]


def test_what_a_region_spoke_for_is_what_its_pixels_add_to_the_scores() -> None:
    """Of pixels, by hand: the weights' difference times how far they are from the average."""
    random = np.random.default_rng(0)
    shape, average = (9, 16, 3), np.full(9 * 16 * 3, 7, np.uint8)
    model = Model(random.normal(size=(2, 432)), np.zeros(2), ("a", "b"), shape, 1.0)
    image = random.integers(0, 256, 432, np.uint8)
    scores = model.decision_function(image[None])[0]
    answer, other = int(scores.argmax()), int(scores.argmin())
    example = Example(image, 0, other, answer, other, float(scores.max() - scores.min()))
    (spoke,) = spoke_for_the_answer(model, [example], average)
    pixels = (model.coef[answer] - model.coef[other]) * (image.astype(float) - 7)
    pixels = pixels.reshape(shape).sum(axis=2)
    assert spoke.shape == pixels.shape
    regions = np.unique(spoke)
    assert len(regions) == 49
    cuts = [(0, 4), (4, 9)], [(0, 16)]
    scored = occlusion._of_features(model, example, average, *cuts)
    assert occlusion._of_pixels(model, example, average, *cuts) == pytest.approx(scored)
    for value in regions:
        assert value == pytest.approx(pixels[spoke == value].sum())
    assert decoded(pictures.opinion_picture(image, spoke, shape)).shape == (9, 16, 3)


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 40_000, ["0", "10,000", "20,000", "30,000", "40,000"]),
        (84.97, 85.16, ["85.00", "85.05", "85.10", "85.15"]),
        (3, 3, ["3"]),
        (0, 7e-7, ["0.0000000", "0.0000002", "0.0000004", "0.0000006"]),
    ],
)
def test_an_axis_names_round_numbers(low: float, high: float, names: list[str]) -> None:
    assert [name for _, name in ticks(low, high, 5)] == names


def test_a_logarithmic_axis_has_room_for_zero() -> None:
    scale = LogScale.of([0.0, 0.01, 100.0], 0.0, 50.0)
    assert [scale(value) for value in (0.0, 0.01, 1.0, 100.0)] == pytest.approx([0, 10, 30, 50])
    assert [name for _, name in scale.ticks(9)] == ["0", "0.01", "0.1", "1", "10", "100"]
    assert LogScale.of([0.0], 0.0, 50.0)(0.0) == 0
    assert LogScale.of([2e5], 0.0, 50.0).ticks(9) == [(2e5, "200000")]
    assert [name for _, name in LogScale.of([2.0, 5.0], 0.0, 50.0).ticks(9)] == ["2", "5"]
    assert Scale(1.0, 1.0, 0.0, 10.0)(1.0) == 5


def test_long_names_are_cut_by_their_width() -> None:
    assert shortened("short", 100) == "short"
    for name in ("a very long name of a run", "漢字" * 20):
        cut = shortened(name, 60)
        assert cut.endswith("…")
        assert width_of(cut) <= 62
        assert name.startswith(cut[:-1])


def test_the_reliability_diagram_has_a_mark_for_each_bin_with_images():
    found = Calibration(0.1, (0, 30, 70), (None, 0.5, 0.9), (None, 0.4, 1.0))
    svg = ElementTree.fromstring(str(reliability_diagram(found)))
    marks = [each for each in svg.iter() if each.tag.endswith("circle")]
    assert [each[0].text for each in marks] == [
        "30.0% of the images: 50.0% sure, 40.0% right",
        "70.0% of the images: 90.0% sure, 100.0% right",
    ]
    x, y, r = ([float(each.get(key)) for each in marks] for key in ("cx", "cy", "r"))
    assert x[1] - x[0] == pytest.approx(0.4 * SIDE)
    assert y[0] - y[1] == pytest.approx(0.6 * SIDE)
    assert (r[1] / r[0]) ** 2 == pytest.approx(70 / 30, rel=0.05)
