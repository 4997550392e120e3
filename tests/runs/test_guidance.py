"""Every warning is provoked by a run that deserves it, and none by one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from ridge_spark.data.dataset import Description, open_split, read_blocks
from ridge_spark.data.writer import write_dataset
from ridge_spark.ridge.folds import Folds
from ridge_spark.runs.guidance import choice_warnings
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.run import run
from ridge_spark.runs.summary import table
from tests.importing.pictures import encode, write
from tests.support import SMALL_NAMES, draw_images

D = 120
SHAPE = (12, 10, 1)
FOLDS = Folds.k(5)
LAMBDAS = (1.0, 1e5, 1e7)


@pytest.fixture
def warnings_of(tmp_path):
    """What a run on these images, and test images, warns of."""

    def train(images, labels, tests=None, lambdas=LAMBDAS, folds=FOLDS):
        splits = {"train": [(images, labels)], **({"test": [tests]} if tests else {})}
        write_dataset(str(tmp_path / "data"), Description(SHAPE, SMALL_NAMES, "drawn"), splits)
        options = TrainOptions(
            str(tmp_path / "data"), str(tmp_path / "run"), lambdas, folds, side="primal"
        )
        return run("local", options, None).warnings

    return train


def faint(n, contrast, seed=0):
    """Images (n, D) that differ by class but a little, in much noise."""
    random = np.random.default_rng(seed)
    typical, labels = random.normal(size=(3, D)), random.integers(0, 3, n)
    noisy = 128 + contrast * typical[labels] + 25 * random.normal(size=(n, D))
    return noisy.clip(0, 255).astype(np.uint8), labels


def test_a_run_of_which_there_is_nothing_to_say(warnings_of):
    images, labels = faint(2500, 25)
    assert warnings_of(images[:2000], labels[:2000], (images[2000:], labels[2000:])) == ()


def test_the_best_lambda_is_the_largest(warnings_of):
    found = warnings_of(*faint(600, 3), lambdas=(1e-3, 1e3))[0]
    assert "the best λ, 1000, is the largest of the grid" in found
    assert "--lambdas 1000,10000,100000" in found


def test_the_best_lambda_is_the_smallest(warnings_of):
    (found,) = warnings_of(*faint(2000, 3), lambdas=(1.0, 1e4, 1e6))
    assert "the best λ, 1, is the smallest of the grid" in found
    assert "--lambdas 0.01,0.1,1" in found


def test_all_lambdas_tie(warnings_of):
    (found,) = warnings_of(*draw_images(900, D, 3), lambdas=(1.0, 2.0))
    assert "all 2 values of λ do equally well on 900 held-out images" in found
    assert "wider grid may have better ones, as --lambdas logspace:-3:4:8" in found


def test_few_held_out_images_tell_nothing(warnings_of):
    found, *_ = warnings_of(*faint(400, 5), folds=Folds.holdout(0.2), lambdas=(1.0, 1e3))
    assert "held-out images can't tell the values of λ apart" in found
    assert "--folds 10" in found


def test_no_better_than_the_largest_class(warnings_of):
    images, labels = faint(500, 0)
    labels[:300] = 1
    found = [line for line in warnings_of(images, labels) if "always answering" in line]
    assert len(found) == 1
    assert "would be by always answering 'bee'" in found[0]
    assert "--features patches" in found[0]


def test_a_class_of_few_images(warnings_of):
    images, labels = draw_images(1500, D, 3)
    kept = np.sort(np.concatenate([np.flatnonzero(labels < 2), np.flatnonzero(labels == 2)[:7]]))
    found = [line for line in warnings_of(images[kept], labels[kept]) if "few training" in line]
    assert len(found) == 1
    assert "of class 'cat' 7" in found[0]
    assert "add images" in found[0]


def test_learnt_by_heart(warnings_of):
    found = [line for line in warnings_of(*faint(300, 3), lambdas=(1.0,)) if "heart" in line]
    assert len(found) == 1
    assert "more images help" in found[0]


def test_test_images_that_are_inverted(warnings_of):
    images, labels = faint(2500, 6)
    images //= 2
    tests = (255 - images[2000:], labels[2000:])
    found = warnings_of(images[:2000], labels[:2000], tests)[-1]
    assert "these 500 images are on average" in found
    assert "inverted" in found


def test_evaluate_and_predict_tell_of_inverted_images(ridge_spark, mnist, mnist_run, tmp_path):
    block = next(iter(read_blocks(open_split(str(mnist), "test").blocks)))
    for row in range(9):
        image = block.images[row].reshape(28, 28)
        write(tmp_path / "alike" / f"{row}.png", encode(image))
        write(tmp_path / "inverted" / f"{row}.png", encode(255 - image))
    alike = ridge_spark("predict", "--model", mnist_run, "alike")
    assert alike.stderr == ""
    found = ridge_spark("predict", "--model", mnist_run, "inverted")
    assert found.returncode == 0
    assert found.stdout.count("\n") == alike.stdout.count("\n") == 9
    assert found.stderr.startswith("warning: these 9 images are on average 3.")
    assert found.stderr.count("\n") == 1
    about = block.images[:200], block.labels[:200]
    description = open_split(str(mnist), "test").description
    write_dataset(str(tmp_path / "data"), description, {"test": [(255 - about[0], about[1])]})
    found = ridge_spark("evaluate", "--model", mnist_run, "--data", "data")
    assert found.stderr.startswith("warning: these 200 images are on average 3.")
    assert ridge_spark("evaluate", "--model", mnist_run, "--data", mnist).stderr == ""


@pytest.mark.parametrize("metric", ["accuracy", "balanced"])
def test_the_table_says_how_far_the_next_best_lambda_is(tmp_path, metric):
    """By one standard error, the choice may have less than another; of both rules, in words."""
    images, labels = faint(600, 3)
    splits = {"train": [(images, labels)]}
    write_dataset(str(tmp_path / "data"), Description(SHAPE, SMALL_NAMES, "drawn"), splits)
    for choose in ("best", "one-se"):
        options = TrainOptions(
            str(tmp_path / "data"), str(tmp_path / choose), (300.0, 1e3, 2e3), FOLDS,
            side="primal", metric=metric, choose=choose,
        )  # fmt: skip
        result = run("local", options, None)
        held_out = result.held_out
        score = held_out.balanced_accuracy if metric == "balanced" else result.validation_accuracy
        top = int(np.argmax(score))
        assert held_out.standard_error[top] == 0
        within = [i for i in range(3) if score[top] - score[i] <= held_out.standard_error[i]]
        assert result.best == (top if choose == "best" else max(within))
        other = max((i for i in range(3) if i != result.best), key=lambda i: score[i])
        points = 100 * (score[result.best] - score[other])
        error = 100 * max(held_out.standard_error[i] for i in (other, result.best))
        (line,) = [row for row in table(result, "").splitlines() if row.startswith("next best")]
        assert f"{result.lambdas[other]:.6g}: {abs(points):.2f} ± {error:.2f} percentage" in line
        assert ("macro recall" in line) == (metric == "balanced")


@pytest.mark.parametrize("score", [[0.9], [0.9, 0.5]])
def test_lambdas_that_have_not_converged_are_not_compared_with(score):
    """A grid of which one alone may be chosen has no ends."""
    converged = np.array([True] + [False] * (len(score) - 1))
    lambdas = np.arange(1.0, len(score) + 1)
    assert choice_warnings(np.array(score), 0 * lambdas, lambdas, 100, converged) == ()
