"""The estimator keeps scikit-learn's conventions, and gives what the statistics give."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier as Peer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from ridge_spark import Model, RidgeClassifier, Statistics, estimator
from ridge_spark.data.dataset import Description, open_split, read_blocks
from ridge_spark.data.writer import write_dataset
from ridge_spark.errors import InputError
from ridge_spark.ridge import centring
from ridge_spark.ridge.float_statistics import FloatStatistics
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.kernel.accumulator import Accumulator
from ridge_spark.ridge.scoring import Weights, classified_correctly
from ridge_spark.ridge.solvers import solve
from ridge_spark.runs.options import TrainOptions
from ridge_spark.runs.run import run
from tests.ridge.problems import noise_images
from tests.support import SMALL_NAMES, SMALL_SHAPE, draw_images

GRID = [1e-3, 1.0, 1e3, 1e5]


@parametrize_with_checks(
    [
        RidgeClassifier(),
        RidgeClassifier(cv=3),
        RidgeClassifier(solver="cholesky", lambdas=[0.1]),
    ],
    expected_failed_checks=lambda estimator: {
        "check_class_weight_classifiers": "weights are whole numbers, and it has one of 0.0001",
        "check_sample_weight_equivalence_on_dense_data": "it sets cv to a list of its own splits",
    },
)
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def images():
    return noise_images(600, 20, 4)


def test_bytes_go_the_way_of_the_statistics(images):
    """The same bits as the engines': no pixel became a float before X'X was summed."""
    X, y = images
    fitted = RidgeClassifier(GRID, solver="eigen").fit(X, y)
    solution = solve(centring.centre(Statistics.of(X, y, 4)), np.array(GRID), "eigen")
    best = GRID.index(fitted.lambda_)
    assert fitted.coef_.tobytes() == solution.weights_at(best)[0].tobytes()
    assert fitted.gcv_.tolist() == solution.gcv.tolist()
    assert best == solution.gcv.argmin()


def test_bytes_are_never_turned_into_floats_first(images, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("uint8 images took the way of floats")

    monkeypatch.setattr(estimator.FloatStatistics, "of_groups", refuse)
    RidgeClassifier(cv=3).fit(*images)
    with pytest.raises(AssertionError, match="the way of floats"):
        RidgeClassifier().fit(images[0].astype(float), images[1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_other_numbers_are_fitted_as_floats_to_the_same_weights(images, dtype):
    X, y = images
    by_bytes, by_floats = (RidgeClassifier(GRID).fit(X.astype(t), y) for t in (np.uint8, dtype))
    assert by_floats.lambda_ == by_bytes.lambda_
    np.testing.assert_allclose(by_floats.coef_, by_bytes.coef_, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(by_floats.intercept_, by_bytes.intercept_, rtol=1e-9)


def far_from_zero(n=600, d=5, at=1e5):
    """Vectors whose spread is tiny beside where they are, and labels by a linear rule."""
    rng = np.random.default_rng(0)
    offsets = rng.normal(size=(n, d))
    y = (offsets @ rng.normal(size=(d, 3)) + rng.normal(0, 0.3, (n, 3))).argmax(axis=1)
    return offsets + at, y


@pytest.mark.parametrize("cv", [5, 0.25])
@pytest.mark.parametrize("at", [0.3, 1e5, -1e7])
def test_floats_anywhere_are_scored_as_a_plain_loop_would(cv, at):
    """Not cut down to bytes on the way: with values of ±1, all would be 0 or 255."""
    X, y = far_from_zero(at=at)
    fitted = RidgeClassifier(GRID, cv=cv).fit(X, y)
    folds = Folds.k(5) if cv == 5 else Folds.holdout(cv)
    group_of, correct, scored = folds.assign(0, len(X)), np.zeros(len(GRID)), 0
    for group in range(folds.held_out):
        out = group_of == group
        scored += out.sum()
        correct += [
            (Peer(alpha=lam * (~out).sum()).fit(X[~out], y[~out]).predict(X[out]) == y[out]).sum()
            for lam in GRID
        ]
    assert fitted.cv_accuracy_.tolist() == (correct / scored).tolist()
    assert fitted.lambda_ == max(np.array(GRID)[correct == correct.max()])
    assert fitted.cv_accuracy_.max() > 0.8


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_every_sample_is_summed_once_whatever_is_held_out(images, dtype, monkeypatch):
    """Folds are what is left of sums: as many products of samples as with no fold at all."""
    summed = []
    add, of = Accumulator.add, FloatStatistics._of.__func__

    def counting_bytes(self, images, labels, group_of=None):
        summed.append(len(images))
        add(self, images, labels, group_of)

    def counting_floats(cls, X, labels, rows, *others):
        summed.append(len(rows))
        return of(cls, X, labels, rows, *others)

    monkeypatch.setattr(Accumulator, "add", counting_bytes)
    monkeypatch.setattr(FloatStatistics, "_of", classmethod(counting_floats))
    RidgeClassifier(GRID, cv=5).fit(images[0].astype(dtype), images[1])
    assert sum(summed) == len(images[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_two_classes_are_one_row(dtype):
    X, y = draw_images(300, 8, 2)
    names = np.array(["no", "yes"])[y]
    ours = RidgeClassifier([0.5]).fit(X.astype(dtype), names)
    theirs = Peer(alpha=300 * 0.5).fit(X.astype(float), names)
    assert ours.coef_.shape == (1, 8)
    assert ours.intercept_.shape == (1,)
    assert ours.decision_function(X).shape == (300,)
    np.testing.assert_allclose(ours.coef_[0], theirs.coef_.ravel(), rtol=1e-9)
    assert ours.predict(X).tolist() == theirs.predict(X).tolist()


@pytest.mark.parametrize(("cv", "folds"), [(4, Folds.k(4, 5)), (0.25, Folds.holdout(0.25, 5))])
def test_held_out_samples_choose_lambda(images, cv, folds):
    X, y = images
    fitted = RidgeClassifier(GRID, cv=cv, random_state=5).fit(X, y)
    group_of = folds.assign(0, len(X))
    correct, scored = 0, 0
    for group in range(folds.held_out):
        out = group_of == group
        system = centring.centre(Statistics.of(X[~out], y[~out], 4))
        solution = solve(system, np.array(GRID), "eigen")
        right = classified_correctly(X[out], y[out], Weights(*solution.weights()))
        correct = correct + right.sum(axis=0)
        scored += out.sum()
    assert fitted.cv_accuracy_.tolist() == (correct / scored).tolist()
    assert fitted.lambda_ == max(np.array(GRID)[correct == correct.max()])


def test_the_seed_chooses_what_is_held_out(images):
    accuracies = [
        RidgeClassifier(GRID, cv=0.3, random_state=seed).fit(*images).cv_accuracy_.tolist()
        for seed in (0, 0, 1)
    ]
    assert accuracies[0] == accuracies[1] != accuracies[2]


def test_both_solvers_and_any_threads_fit_the_same(images):
    reference = RidgeClassifier(GRID).fit(*images)
    for settings in ({"solver": "cholesky"}, {"solver": "eigen"}, {"n_jobs": 2}, {"n_jobs": -1}):
        fitted = RidgeClassifier(GRID, **settings).fit(*images)
        assert fitted.lambda_ == reference.lambda_
        np.testing.assert_allclose(fitted.coef_, reference.coef_, rtol=1e-9, atol=1e-14)


def test_it_works_inside_scikit_learn(images):
    X, y = images
    search = GridSearchCV(
        make_pipeline(StandardScaler(), RidgeClassifier([0.1])),
        {"ridgeclassifier__lambdas": [[1e-3], [1e3]]},
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"ridgeclassifier__lambdas": [1e-3]}
    assert (pickle.loads(pickle.dumps(search)).predict(X) == search.predict(X)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lambdas": []}, "lambdas"),
        ({"lambdas": [-1.0]}, "lambdas"),
        ({"lambdas": [np.nan]}, "lambdas"),
        ({"lambdas": [np.inf]}, "lambdas"),
        ({"lambdas": 1.0}, "lambdas"),
        ({"cv": 0}, "cv"),
        ({"cv": 1}, "cv=1: "),
        ({"cv": -3}, "cv"),
        ({"cv": 0.0}, "cv"),
        ({"cv": 1.5}, "cv"),
        ({"cv": "five"}, "cv"),
        ({"cv": 600_000}, "too few"),
        ({"solver": "svd"}, "solver.*auto, tridiagonal, cholesky.* or krylov"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"n_jobs": -2}, "n_jobs"),
    ],
)
def test_a_bad_parameter_is_named(images, settings, message):
    with pytest.raises(ValueError, match=message):
        RidgeClassifier(**settings).fit(*images)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_weights_are_repetitions(images, dtype):
    X, y = images[0].astype(dtype), images[1]
    times = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = RidgeClassifier(GRID).fit(X, y, sample_weight=times)
    repeated = RidgeClassifier(GRID).fit(X.repeat(times, axis=0), y.repeat(times))
    assert weighted.lambda_ == repeated.lambda_
    tolerance = 0 if dtype == np.uint8 else 1e-9  # whole numbers add up to the same in any order
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(weighted.gcv_, repeated.gcv_, rtol=tolerance)
    assert weighted.temperature_ == pytest.approx(repeated.temperature_, rel=1e-9)


def test_class_weights_are_weights_of_samples(images):
    X, y = images
    kept = np.flatnonzero((y != 2) | (np.arange(len(y)) % 9 == 0))
    X, y = X[kept], y[kept]
    counts = np.bincount(y)
    balanced = RidgeClassifier(GRID, class_weight="balanced").fit(X, y)
    times = {label: round(counts.max() / count) for label, count in enumerate(counts)}
    assert times[2] > 5
    for given in ({"class_weight": times}, {"class_weight": {2: times[2]}}):
        named = RidgeClassifier(GRID, **given).fit(X, y)
        assert (named.coef_ == balanced.coef_).all()
    by_sample = RidgeClassifier(GRID).fit(X, y, sample_weight=np.array([times[c] for c in y]))
    assert (by_sample.coef_ == balanced.coef_).all()
    plain = RidgeClassifier(GRID).fit(X, y)
    assert (balanced.predict(X) == 2).sum() > (plain.predict(X) == 2).sum()


@pytest.mark.parametrize("weight", [0.5, -1, np.nan, 1001, np.inf])
def test_weights_that_are_no_whole_numbers_are_refused(images, weight):
    X, y = images
    weights = np.ones(len(X))
    weights[3] = weight
    with pytest.raises(ValueError, match="sample_weight: must be whole numbers from 0 to 1,000"):
        RidgeClassifier().fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="class_weight: must be whole numbers"):
        RidgeClassifier(class_weight={1: weight}).fit(X, y)
    with pytest.raises(ValueError, match="balanced or a dict"):
        RidgeClassifier(class_weight="even").fit(X, y)


def test_probabilities_are_about_as_often_right_as_they_say(images):
    X, y = images
    fitted = RidgeClassifier(GRID).fit(X[::2], y[::2])
    proba = fitted.predict_proba(X[1::2])
    assert proba.shape == (len(X[1::2]), 4)
    assert proba.sum(axis=1) == pytest.approx(1)
    assert (fitted.classes_[proba.argmax(axis=1)] == fitted.predict(X[1::2])).all()
    right = fitted.predict(X[1::2]) == y[1::2]
    assert proba.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.05)
    two = RidgeClassifier(GRID).fit(X, y == 1)
    assert (two.predict_proba(X)[:, 1] > 0.5).tolist() == two.predict(X).tolist()
    without = RidgeClassifier([1.0], solver="krylov").fit(X, y)
    assert not hasattr(without, "predict_proba")


@pytest.mark.parametrize("classes", [2, 3])
def test_a_run_as_an_estimator(small_data, tmp_path, classes):
    """Of three classes as they are, and of two of them."""
    pixels, labels = next(
        (b.images, b.labels) for b in read_blocks(open_split(str(small_data), "train").blocks)
    )
    pixels, labels = pixels[labels < classes], labels[labels < classes]
    names = SMALL_NAMES[:classes]
    write_dataset(str(tmp_path / "data"), Description(SMALL_SHAPE, names, "drawn"),
                  {"train": [(pixels, labels)]})  # fmt: skip
    options = TrainOptions(str(tmp_path / "data"), str(tmp_path / "run"), (1.0, 600.0),
                           Folds.holdout(0.2))  # fmt: skip
    run("local", options, None)
    model = Model.load(tmp_path / "run" / "model.safetensors")
    for path in (tmp_path / "run", str(tmp_path / "run" / "model.safetensors")):
        found = RidgeClassifier.from_run(path)
        expected = [names[i] for i in model.predict(pixels)]
        assert found.predict(pixels).tolist() == expected
        np.testing.assert_allclose(
            found.predict_proba(pixels), model.predict_proba(pixels), rtol=1e-9
        )
        assert found.lambda_ == model.lam
        assert found.score(pixels, np.array(names)[labels]) > 0.9
    with pytest.raises(InputError, match="nothing"):
        RidgeClassifier.from_run(tmp_path / "nothing")
