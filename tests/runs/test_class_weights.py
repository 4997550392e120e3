"""Class weights: the statistics are those of a data set in which the images are repeated."""

from __future__ import annotations

import numpy as np
import pytest

from ridge_spark.data.dataset import Description, count_labels, open_split
from ridge_spark.data.writer import write_dataset
from ridge_spark.errors import InputError
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.weights import MOST, balanced_weights
from ridge_spark.runs.directory import read_statistics
from ridge_spark.runs.options import MOST_WEIGHT, TrainOptions, make_folds, parse_class_weight
from ridge_spark.runs.run import run
from ridge_spark.runs.update import UpdateOptions, update
from tests.support import SMALL_NAMES, draw_images

COUNTS = (900, 300, 41)
SHAPE = (6, 5, 1)


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """Images of three classes, as they are and with each repeated by its class's weight."""
    folder = tmp_path_factory.mktemp("rare")
    images, labels = draw_images(6000, 30, 3)
    kept = np.sort(np.concatenate([np.flatnonzero(labels == c)[:n] for c, n in enumerate(COUNTS)]))
    about = Description(SHAPE, SMALL_NAMES, "drawn")
    images, labels = images[kept], labels[kept]
    times = np.array([1, 3, 22])[labels]
    tests = draw_images(500, 30, 3, seed=1)
    for name, repeated in (("once", np.ones_like(times)), ("repeated", times)):
        train = [(images.repeat(repeated, axis=0), labels.repeat(repeated))]
        write_dataset(str(folder / name), about, {"train": train, "test": [tests]})
    return folder


def trained(rare, out, data="once", **options):
    """A run of one λ: which is best is up to the images that are held out."""
    asked = TrainOptions(str(rare / data), str(out), (600.0,), make_folds(None, None, 0), **options)
    return run("local", asked, None)


def test_a_weighted_image_is_one_that_is_added_that_many_times(rare, tmp_path):
    asked = {"ant": 1, "bee": 3, "cat": 22}
    weighted = trained(rare, tmp_path / "weighted", class_weight=asked)
    repeated = trained(rare, tmp_path / "repeated", data="repeated")
    assert weighted.statistics_sha256 == repeated.statistics_sha256
    assert weighted.model_sha256 == repeated.model_sha256
    assert weighted.gcv == repeated.gcv
    assert weighted.class_weight == asked
    # but for what is said of images: of these there are as many as there are
    assert weighted.n_train == sum(COUNTS)
    assert sum(map(sum, weighted.held_out.images)) == weighted.n_validation < sum(COUNTS) / 3


def test_balanced_weights_bring_each_class_nearest_to_the_largest(rare, tmp_path):
    balanced = trained(rare, tmp_path / "balanced", class_weight="balanced")
    assert balanced.class_weight == {"ant": 1, "bee": 3, "cat": 22}  # 900/41 is 21.95
    plain = trained(rare, tmp_path / "plain")
    assert plain.class_weight is None
    assert balanced.balanced_accuracy > plain.balanced_accuracy
    recall = np.diagonal(balanced.matrix) / balanced.matrix.sum(axis=1)
    assert balanced.balanced_accuracy == pytest.approx(recall.mean())


def test_weights_that_are_all_one_leave_the_run_as_it_is(rare, tmp_path):
    plain = trained(rare, tmp_path / "plain")
    ones = trained(rare, tmp_path / "ones", class_weight={"cat": 1})
    assert (ones.model_sha256, ones.class_weight) == (plain.model_sha256, None)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([6742, 5421], [1, 1]),
        ([100, 66, 67, 40, 39], [1, 2, 1, 3, 3]),
        ([5, 5], [1, 1]),
        ([10**6, 1], [1, MOST]),
        ([3, 0], [1, 6]),
    ],
)
def test_balanced_weights_of_known_counts(counts, expected):
    assert balanced_weights(np.array(counts)).tolist() == expected


def test_the_two_limits_are_one():
    assert MOST == MOST_WEIGHT  # which the command knows without numpy


@pytest.mark.parametrize(
    ("text", "expected"),
    [("balanced", "balanced"), ("a=2,b=1000", {"a": 2, "b": 1000}), ("a=b=3", {"a=b": 3})],
)
def test_weights_are_read(text, expected):
    assert parse_class_weight(text) == expected


@pytest.mark.parametrize(
    "text", ["", "cat", "cat=", "=3", "cat=0", "cat=1001", "cat=-1", "cat=1.5", "cat=2,cat=3"]
)
def test_weights_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="--class-weight"):
        parse_class_weight(text)


def test_a_class_that_there_is_not_is_named(rare, tmp_path):
    with pytest.raises(InputError, match="no class 'dog'; there are ant, bee, cat"):
        trained(rare, tmp_path / "run", class_weight={"dog": 2})
    assert not (tmp_path / "run").exists()


def test_labels_are_counted_in_the_rows_that_are_used(rare):
    split = open_split(str(rare / "once"), "train")
    assert count_labels(split).tolist() == list(COUNTS)
    assert count_labels(split.limited(100)).sum() == 100


def test_an_update_weighs_as_the_run_did(rare, tmp_path):
    """Adding and removing images gives what training on what is left gives, weights and all."""
    weights = {"cat": 7}
    about = Description(SHAPE, SMALL_NAMES, "drawn")
    first, more = draw_images(300, 30, 3, seed=2), draw_images(200, 30, 3, seed=3)
    both = [np.concatenate(pair) for pair in zip(first, more, strict=True)]
    for name, images in (("first", first), ("more", more), ("both", both)):
        write_dataset(str(tmp_path / name), about, {"train": [images]})
    runs = {
        name: trained(tmp_path, tmp_path / f"run-{name}", data=name, class_weight=weights)
        for name in ("first", "both")
    }
    added = update(
        UpdateOptions(str(tmp_path / "run-first"), str(tmp_path / "added"),
                      add=(str(tmp_path / "more"),), remove=()), None,
    )  # fmt: skip
    assert added.statistics_sha256 == runs["both"].statistics_sha256
    assert (added.n_train, added.update.changes[0].n) == (500, 200)
    assert added.class_weight == runs["both"].class_weight
    assert any("class weights are kept" in line and "1, 1, 1" in line for line in added.warnings)
    back = update(
        UpdateOptions(str(tmp_path / "added"), str(tmp_path / "back"), add=(),
                      remove=(str(tmp_path / "more"),)), None,
    )  # fmt: skip
    kept = read_statistics(str(tmp_path / "back"), back)
    assert kept == read_statistics(str(tmp_path / "run-first"), runs["first"])
    assert back.temperature == runs["first"].temperature


def test_folds_are_of_images_however_often_they_count(rare, tmp_path):
    """All copies of an image are in its fold, so that none is scored by a fit that has seen it."""
    engine_options = {"class_weight": {"cat": 5}, "metric": "balanced"}
    lambdas = (1.0, 600.0)
    plain = TrainOptions(str(rare / "once"), str(tmp_path / "a"), lambdas, Folds.k(3))
    result = run("local", plain, None)
    weighted = TrainOptions(
        str(rare / "once"), str(tmp_path / "b"), lambdas, Folds.k(3), **engine_options
    )
    assert run("local", weighted, None).held_out.images == result.held_out.images
