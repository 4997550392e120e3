"""Features for people with arrays: the transformer, and the classifier that has them inside."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from ridge_spark import PatchFeatures, RidgeClassifier
from tests.features.drawn import bars

SPEC = "patches:filters=32,units=64,moments=0"
SHAPE = (14, 12)


def test_in_a_pipeline_and_inside_it_is_the_same_classifier() -> None:
    (X, y), (unseen, truth) = bars(400), bars(200, seed=2)
    names = np.array(["lying", "standing"])
    pipeline = make_pipeline(
        PatchFeatures(SPEC, image_shape=SHAPE), RidgeClassifier((1.0, 100.0), cv=3)
    ).fit(X, names[y])
    whole = RidgeClassifier((1.0, 100.0), cv=3, features=SPEC, image_shape=SHAPE).fit(X, names[y])
    assert np.array_equal(pipeline.decision_function(unseen), whole.decision_function(unseen))
    assert (whole.predict(unseen) == names[truth]).mean() > 0.95
    assert whole.n_features_in_ == 168
    assert whole.coef_.shape == (1, whole.feature_map_.d_out)


def test_numbers_of_other_types_are_the_same_images() -> None:
    X, y = bars(300)
    found = [
        PatchFeatures(SPEC, image_shape=(*SHAPE, 1)).fit(images, y).transform(images)
        for images in (X, X.astype(np.float64), X.astype(np.int32))
    ]
    assert all(f.dtype == np.uint8 for f in found)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_it_is_a_scikit_learn_transformer() -> None:
    X, _ = bars(300)
    transformer = clone(PatchFeatures(SPEC, image_shape=SHAPE, n_jobs=2)).fit(X)
    names = transformer.get_feature_names_out()
    assert len(names) == transformer.transform(X).shape[1]
    assert names[0] == "patchfeatures0"


@pytest.mark.parametrize(
    ("parameters", "X", "said"),
    [
        ({"image_shape": (3, 3)}, None, "168 values in all"),
        ({}, None, "image_shape=None"),
        ({"image_shape": SHAPE, "features": "pixels,patches"}, None, "must be one spec"),
        ({"image_shape": SHAPE, "features": "patch"}, None, "is not one of"),
        ({"image_shape": SHAPE}, np.full((300, 168), 0.5), "not whole numbers from 0 to 255"),
        ({"image_shape": SHAPE}, np.full((300, 168), 256), "not whole numbers from 0 to 255"),
        ({"image_shape": SHAPE, "n_jobs": 0}, None, "n_jobs=0"),
    ],
)
def test_what_does_not_fit_is_refused(parameters, X, said: str) -> None:
    images = bars(300)[0] if X is None else X
    with pytest.raises(ValueError, match=said):
        PatchFeatures(**{"features": SPEC} | parameters).fit(images)
