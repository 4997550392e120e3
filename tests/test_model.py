"""A model file gives back the model that was saved, or is refused in one line."""

from __future__ import annotations

import hashlib
import json
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ridge_spark.errors import InputError
from ridge_spark.model import FORMAT, Model

D, K = 6, 3


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return Model(
        coef=rng.normal(size=(K, D)),
        intercept=rng.normal(size=K),
        class_names=("ä", "b", "c d"),
        shape=(3, 2, 1),
        lam=0.1,
        preparation={"threshold": 128},
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def assert_same(found, expected):
    for name in ("class_names", "shape", "lam", "preparation"):
        assert getattr(found, name) == getattr(expected, name)
    assert found.coef.tobytes() == expected.coef.tobytes()
    assert found.intercept.tobytes() == expected.intercept.tobytes()
    assert found.sha256() == expected.sha256()


def test_saving_and_loading_keeps_every_bit(model, path):
    model.save(path)
    assert_same(Model.load(path), model)


def test_the_hash_is_of_the_weights_as_they_stand_in_a_product_with_images(model):
    """Pixels first, whichever way the file keeps them: hashes told before stay true."""
    W, b = model.coef.T.astype("<f8").tobytes(order="C"), model.intercept.tobytes()
    assert model.sha256() == hashlib.sha256(W + b).hexdigest()


def test_a_file_of_version_1_is_refused_with_the_remedy(path):
    """Its weights are (d, k): of a square problem they would load, and all be wrong."""
    written(path, tensors={"coef": np.zeros((D, K))}, kind="ridge-spark model 1")
    with pytest.raises(InputError, match=r"earlier version .* train again"):
        Model.load(path)


def test_saving_does_not_depend_on_how_the_memory_is_laid_out(model, path):
    turned = Model(np.asfortranarray(model.coef), model.intercept, model.class_names, model.shape,
                   model.lam, model.preparation)  # fmt: skip
    assert turned.sha256() == model.sha256()
    turned.save(path)
    assert_same(Model.load(path), model)


def test_equal_models_are_equal_files(model, tmp_path):
    for name in ("one", "two"):
        model.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_there_is_no_pickle_in_it_nor_is_one_read(model, path):
    model.save(path)
    assert int.from_bytes(path.read_bytes()[:8], "little") < path.stat().st_size  # safetensors
    path.write_bytes(pickle.dumps(model.coef))
    with pytest.raises(InputError, match=path.name):
        Model.load(path)


def test_scores_and_classes(model):
    images = np.arange(12, dtype=np.uint8).reshape(2, D)
    expected = images.astype(float) @ model.coef.T + model.intercept
    np.testing.assert_allclose(model.decision_function(images), expected, rtol=1e-14)
    assert model.predict(images).tolist() == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize("shape", [(D,), (2, D + 1), (2, 3, 2)])
def test_images_of_another_shape_are_refused(model, shape):
    with pytest.raises(InputError, match=r"6 pixels in a row: .* = 3x2x1"):
        model.predict(np.zeros(shape, np.uint8))


def written(path, tensors=None, about=None, kind=FORMAT):
    """A file like a model's with some of it changed."""
    tensors = {"coef": np.zeros((K, D)), "intercept": np.zeros(K), **(tensors or {})}
    kept = {"class_names": ["a", "b", "c"], "shape": [3, 2, 1], "lambda": 0.1, "preparation": {}}
    text = about if isinstance(about, str) else json.dumps({**kept, **(about or {})})
    present = {name: array for name, array in tensors.items() if array is not None}
    save_file(present, path, metadata={kind: text})


@pytest.mark.parametrize(
    "changes",
    [
        {"tensors": {"coef": None}},
        {"tensors": {"intercept": None}},
        {"tensors": {"coef": np.zeros((K, D + 1))}},
        {"tensors": {"coef": np.zeros(D * K)}},
        {"tensors": {"intercept": np.zeros((K, 1))}},
        {"tensors": {"coef": np.zeros((K, D), np.float32)}},
        {"tensors": {"intercept": np.zeros(K, np.int64)}},
        {"tensors": {"coef": np.full((K, D), np.nan)}},
        {"tensors": {"intercept": np.full(K, np.inf)}},
        {"about": {"shape": [3, 2]}},
        {"about": {"shape": [-3, -2, 1]}},
        {"about": {"shape": ["3", "2", "x"]}},
        {"about": {"shape": 6}},
        {"about": {"shape": [2**40, 2**40, 2**40]}},
        {"about": {"class_names": ["a", "b"]}},
        {"about": {"class_names": [1, 2, 3]}},
        {"about": {"class_names": ["a", "\ud800", "c"]}},
        {"about": {"lambda": None}},
        {"about": {"preparation": 3}},
        {"about": "no JSON"},
        {"about": "[]"},
        {"kind": "someone else's model 1"},
    ],
    ids=lambda changes: " ".join(str(changes).split())[:60],
)
def test_a_file_that_does_not_fit_together_is_refused(path, changes):
    written(path, **changes)
    with pytest.raises(InputError, match=path.name) as refused:
        Model.load(path)
    assert "\n" not in str(refused.value)


def test_what_the_refusals_change_is_otherwise_a_model(path):
    written(path)
    assert Model.load(path).class_names == ("a", "b", "c")


def test_a_folder_or_nothing_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match=str(path)):
            Model.load(path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_a_refusal_or_does_no_harm(model, path, data):
    """Bytes changed anywhere, or cut off: what is loaded predicts, everything else is refused."""
    model.save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = Model.load(path)
    except InputError:
        return
    assert found.predict(np.zeros((1, D), np.uint8)).shape == (1,)
