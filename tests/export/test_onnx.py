"""`ridge-spark export --onnx`: onnxruntime gives what `predict` gives, preparation included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.export.onnx_model import build
from ridge_spark.importing.preparation import Preparation
from ridge_spark.model import Model
from tests.importing.pictures import noise, write
from tests.support import assert_refused


def session(model: bytes | Path) -> onnxruntime.InferenceSession:
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])


def test_all_test_images_of_mnist_get_the_same_class(ridge_spark, mnist, mnist_run, tmp_path):
    done = ridge_spark("export", "--model", mnist_run, "--onnx", "digits.onnx")
    assert done.returncode == 0, done.stderr
    digits = session(tmp_path / "digits.onnx")
    model = Model.load(mnist_run / "model.safetensors")
    seen = 0
    for block in read_blocks(open_split(str(mnist), "test").blocks):
        pixels = block.images.reshape(-1, 28, 28, 1)
        wanted = ["class", "number", "scores", "proba"]
        names, numbers, scores, proba = digits.run(wanted, {"pixels": pixels})
        assert (numbers == model.predict(block.images)).all()
        assert [model.class_names[number] for number in numbers] == names.tolist()
        assert np.allclose(scores, model.decision_function(block.images), rtol=0, atol=1e-12)
        assert np.allclose(proba, model.predict_proba(block.images), rtol=0, atol=1e-9)
        seen += len(numbers)
    assert seen == 10_000


def test_photographs_of_any_size_are_prepared_inside(ridge_spark, pictures_run, tmp_path):
    ridge_spark("export", "--model", pictures_run / "run", "--onnx", "pictures.onnx")
    model = session(tmp_path / "pictures.onnx")
    for number, (height, width) in enumerate([(8, 8), (480, 640), (640, 480), (3, 5), (20, 16)]):
        photo = noise(height, width, 3, seed=number)
        write(tmp_path / "photo.png", photo)
        line = ridge_spark("predict", "--model", pictures_run / "run", "photo.png").stdout
        (name,), _, _ = model.run(["class", "number", "scores"], {"pixels": photo[None]})
        assert line.split("\t")[1] == name


sides = st.integers(1, 60)


@settings(max_examples=80)
@given(
    sides, sides, sides, sides, st.sampled_from(["pad", "crop"]),
    st.sampled_from(["rgb", "gray", "red", "green", "blue"]), st.sampled_from([None, 0.5]),
    st.sampled_from([1, 3]),
)  # fmt: skip
def test_the_graph_prepares_as_pillow_does_bit_for_bit(
    height, width, to_height, to_width, fit, channel, threshold, channels
):
    preparation = Preparation(to_height, to_width, channel, fit, threshold=threshold)
    d = int(np.prod(preparation.shape))
    rows = np.unique(np.linspace(0, d - 1, 50).astype(int))  # of all pixels, so that it is quick
    weights = np.zeros((len(rows), d))
    weights[np.arange(len(rows)), rows] = 1
    names = tuple(map(str, range(len(rows))))
    model = Model(
        weights, np.zeros(len(rows)), names, preparation.shape, 1.0, preparation.to_dict()
    )
    photo = noise(height, width, channels, seed=height * width)
    expected = preparation.apply(Image.fromarray(photo)).reshape(-1)[rows]
    graph = session(build(model).SerializeToString())
    (scores,) = graph.run(["scores"], {"pixels": photo.reshape(1, height, width, channels)})
    assert scores[0].tolist() == expected.tolist()


def test_several_images_of_one_size_at_once():
    preparation = Preparation(4, 4, "gray", "pad")
    weights = np.random.default_rng(0).normal(size=(3, 16))
    model = Model(weights, np.zeros(3), ("ä", "b", "c"), (4, 4, 1), 1.0, preparation.to_dict())
    photos = noise(7, 9 * 5, 3).reshape(7, 5, 9, 3).transpose(1, 0, 2, 3)
    names, scores = session(build(model).SerializeToString()).run(
        ["class", "scores"], {"pixels": np.ascontiguousarray(photos)}
    )
    pixels = [preparation.apply(Image.fromarray(photo)).reshape(-1) for photo in photos]
    assert np.allclose(scores, model.decision_function(np.array(pixels)), atol=1e-12)
    assert names.tolist() == [model.class_names[i] for i in model.predict(np.array(pixels))]


def test_images_of_other_channels_go_in_as_they_are():
    model = Model(np.eye(8), np.zeros(8), tuple("abcdefgh"), (2, 1, 4), 1.0)
    pixels = np.arange(8, dtype=np.uint8).reshape(1, 2, 1, 4)
    (scores,) = session(build(model).SerializeToString()).run(["scores"], {"pixels": pixels})
    assert scores.tolist() == [list(range(8))]


def test_of_equal_scores_the_first_class_wins():
    model = Model(np.zeros((3, 4)), np.array([0.0, 1.0, 1.0]), ("a", "b", "c"), (2, 2, 1), 1.0)
    (names,) = session(build(model).SerializeToString()).run(
        ["class"], {"pixels": np.zeros((2, 2, 2, 1), np.uint8)}
    )
    assert names.tolist() == ["b", "b"]


def test_what_the_file_says_of_itself(pictures_run):
    model = build(Model.load(pictures_run / "run" / "model.safetensors"))
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["shape"] == "8x8x1"
    assert '"ant"' in about["class_names"]
    assert "0.5" in about["preparation"]


def test_refusals(ridge_spark, pictures_run, tmp_path):
    (tmp_path / "there.onnx").write_text("mine")
    export = ("export", "--model", pictures_run / "run", "--onnx")
    assert_refused(ridge_spark(*export, "there.onnx"), "there.onnx", "exists")
    assert (tmp_path / "there.onnx").read_text() == "mine"
    assert_refused(ridge_spark(*export, "no/folder.onnx"), "no/folder.onnx")
    assert_refused(ridge_spark("export", "--model", "nowhere", "--onnx", "x.onnx"), "nowhere")


def test_without_the_package_it_says_what_to_install(
    ridge_spark, pictures_run, tmp_path, environment
):
    (tmp_path / "onnx.py").write_text("raise ModuleNotFoundError('no onnx', name='onnx')")
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    refused = ridge_spark(
        "export", "--model", pictures_run / "run", "--onnx", "x.onnx", env=environment
    )
    assert_refused(refused, "pip install")


@pytest.fixture(autouse=True)
def _quiet():
    onnxruntime.set_default_logger_severity(3)
