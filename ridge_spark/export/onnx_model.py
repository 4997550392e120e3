"""A model as an ONNX file: pixels in, class and scores out, the preparation included."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from ridge_spark.errors import InputError
from ridge_spark.export.onnx_features import add_features
from ridge_spark.export.onnx_nodes import Nodes
from ridge_spark.export.onnx_preparation import prepare
from ridge_spark.importing.preparation import Preparation
from ridge_spark.model import Model

DOC = "pixels: upright images, (n, height, width, channels); gray or RGB, of any one size"
AS_IS = "pixels: images (n, {}, {}, {}), as they were in the data set"


def write_onnx(model: Model, path: Path) -> None:
    """Write an ONNX model that gives for `pixels`, uint8, what the model gives for the same image:

    class   (n,)    string, the name of the class
    number  (n,)    int64, its number
    scores  (n, k)  float64, one for each class; the largest wins, the first if two tie
    proba   (n, k)  float64, the probability of each class; only of a model with a temperature

    Images of any size and of one or three channels are prepared as at import. A file may have been
    turned by its EXIF data or have transparent pixels: that is up to whoever decodes it.
    """
    data = build(model).SerializeToString()
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"--onnx {path}: can't be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


def build(model: Model):  # type: ignore[no-untyped-def]
    """The ONNX model itself."""
    g = Nodes()
    height, width, channels = model.shape
    if channels in (1, 3):
        preparation = Preparation.stored(model.shape, model.preparation)
        prepared = prepare(g, "pixels", preparation)
        doc, shape = DOC, list[str | int](("n", "height", "width", "channels"))
    else:
        prepared = g("Transpose", g.cast("pixels", np.float64), perm=[0, 3, 1, 2])
        doc, shape = AS_IS.format(*model.shape), ["n", height, width, channels]
    if model.features:
        flat = add_features(g, prepared, model.features)
    else:
        x = g("Transpose", prepared, perm=[0, 2, 3, 1])
        flat = g("Reshape", x, g.constant([-1, model.coef.shape[1]]))
    product = g("MatMul", flat, g.real(model.coef.T))
    scores = g("Add", product, g.real(model.intercept), output="scores")
    number = g("ArgMax", scores, axis=1, keepdims=0, output="number")
    g("Gather", g.constant(model.class_names, np.object_), number, output="class")
    k = len(model.class_names)
    proba = []
    if model.temperature is not None:
        scaled = g("Div", scores, g.real(model.temperature))
        g("Softmax", scaled, axis=1, output="proba")
        proba = [helper.make_tensor_value_info("proba", TensorProto.DOUBLE, ["n", k])]
    return g.model(
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)],
        [
            helper.make_tensor_value_info("class", TensorProto.STRING, ["n"]),
            helper.make_tensor_value_info("number", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("scores", TensorProto.DOUBLE, ["n", k]),
            *proba,
        ],
        {
            "class_names": json.dumps(model.class_names, ensure_ascii=False),
            "shape": f"{height}x{width}x{channels}",
            "lambda": repr(model.lam),
            "preparation": json.dumps(model.preparation),
        },
        doc,
    )
