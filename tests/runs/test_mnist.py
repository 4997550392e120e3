"""What is promised of MNIST's own images: probabilities that can be believed, and rare classes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.data.writer import write_dataset
from ridge_spark.ridge.folds import Folds
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.run import run

BELIEVED = 0.015  # expected calibration error


def test_probabilities_of_pixels_are_what_they_say(mnist_run):
    found = json.loads((mnist_run / "result.json").read_text())["calibration"]
    assert sum(found["images"]) == 10_000
    assert found["error"] < BELIEVED


def test_probabilities_of_patches_are_what_they_say(ridge_spark, mnist):
    patches = ("--features", "patches:filters=32,units=256", "--limit", 3000)
    done = ridge_spark("train", "--data", mnist, *patches, "--json", "--no-report", "--out", "run")
    found = json.loads(done.stdout)
    assert found["calibration"]["error"] < BELIEVED
    assert found["test_accuracy"] > 0.96


@pytest.fixture
def few_fives(mnist, tmp_path):
    """The first images of MNIST with one 5 in twenty, and all its test images."""
    splits = {}
    for name, rows, kept_of_fives in (("train", 20_000, 0.05), ("test", 10_000, 1.0)):
        split = open_split(str(mnist), name).limited(rows)
        blocks = list(read_blocks(split.blocks))
        images, labels = (np.concatenate([getattr(block, what) for block in blocks])
                          for what in ("images", "labels"))  # fmt: skip
        fives = np.flatnonzero(labels == 5)
        kept = np.delete(np.arange(len(labels)), fives[round(kept_of_fives * len(fives)) :])
        splits[name] = [(images[kept], labels[kept])]
    write_dataset(str(tmp_path / "data"), split.description, splits)
    return tmp_path / "data"


def test_a_class_that_is_rare_is_found_more_often_where_weights_are_balanced(few_fives, tmp_path):
    plain, balanced = (
        run("local", TrainOptions(str(few_fives), str(tmp_path / name), (100.0, 1000.0),
                                  Folds.holdout(0.2), **options), None)
        for name, options in {
            "plain": {}, "balanced": {"class_weight": "balanced", "metric": "balanced"},
        }.items()
    )  # fmt: skip
    assert balanced.class_weight["5"] > 15
    assert balanced.metrics.recall[5] > 2 * plain.metrics.recall[5]
    assert balanced.balanced_accuracy > plain.balanced_accuracy + 0.02
