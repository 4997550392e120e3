"""Feature maps in ONNX make, byte for byte, what they make here."""

from __future__ import annotations

import math

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ridge_spark.export.onnx_features import add_features
from ridge_spark.export.onnx_model import build
from ridge_spark.export.onnx_nodes import Nodes
from ridge_spark.features import FeatureMap, find_map, parse_specs
from ridge_spark.model import Model
from tests.features.drawn import bars, sample_of

MAPS = [
    ("patches:filters=16,units=32", (14, 12, 1)),
    ("patches:filters=16,units=0,moments=1", (14, 12, 3)),
    ("units:units=48", (9, 8, 2)),
    ("patches:filters=16,units=16,stride=2,grid=2", (120, 118, 3)),
]


def found(text: str, shape: tuple[int, int, int]) -> tuple[FeatureMap, np.ndarray]:
    images, _ = bars(200, shape)
    images[3] = 0  # which has no centre
    (spec,) = parse_specs(text)
    return find_map(spec, shape, sample_of(images)), images[:20]


def outcome(model, pixels: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"pixels": pixels})


@pytest.mark.parametrize(("text", "shape"), MAPS)
def test_features_are_the_same_bytes(text: str, shape: tuple[int, int, int]) -> None:
    features, images = found(text, shape)
    g = Nodes()
    x = g("Transpose", g.cast("pixels", np.float64), perm=[0, 3, 1, 2])
    g("Identity", add_features(g, x, features), output="features")
    model = g.model(
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", *shape])],
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["n", features.d_out])],
        {},
        "",
    )
    (made,) = outcome(model, images.reshape(-1, *shape))
    assert np.array_equal(made, features(images))


def test_a_model_with_features_gives_the_same_scores() -> None:
    shape = (14, 12, 1)
    features, images = found("patches:filters=16,units=32", shape)
    random = np.random.default_rng(1)
    model = Model(
        random.normal(size=(3, features.d_out)), random.normal(size=3), ("a", "b", "c"), shape,
        lam=1.0, preparation={}, features=features,
    )  # fmt: skip
    names, numbers, scores = outcome(build(model), images.reshape(-1, *shape))
    assert np.allclose(scores, model.decision_function(images), rtol=0, atol=1e-9)
    assert (numbers == model.predict(images)).all()
    assert math.prod(scores.shape) == 60
    assert names.tolist() == [model.class_names[n] for n in numbers]
