"""Building an ONNX graph as one writes arithmetic: each call adds a node and names its result."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17  # what runtimes since 2022 know
IR_VERSION = 8

Name = str


class Nodes:
    """The nodes and constants of a graph so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[bytes, onnx.TensorProto] = {}

    def constant(self, value: Any, dtype: Any = np.int64) -> Name:
        """A tensor that is stored in the file, each value once."""
        array = np.array(value, dtype)
        key = f"{array.dtype} {array.shape}".encode() + array.tobytes()
        if key not in self.constants:
            name = f"constant{len(self.constants)}"
            self.constants[key] = numpy_helper.from_array(array, name)
        return self.constants[key].name

    def real(self, value: Any) -> Name:
        """A constant of float64."""
        return self.constant(value, np.float64)

    def __call__(self, operator: str, *inputs: Name, output: Name = "", **attributes: Any) -> Name:
        """Add a node; returns the name of its output."""
        name = output or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def cast(self, value: Name, dtype: Any) -> Name:
        return self("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def divide_rounding(self, numerator: Name, denominator: Name) -> Name:
        """⌊(2 a + b) / 2 b⌋ of integers: a / b, rounded."""
        two = self.constant(2)
        doubled = self("Add", self("Mul", two, numerator), denominator)
        return self("Div", doubled, self("Mul", two, denominator))

    def model(
        self, inputs: list[Any], outputs: list[Any], about: dict[str, str], doc: str
    ) -> onnx.ModelProto:
        """The finished model, checked."""
        graph = helper.make_graph(
            self.nodes, "ridge-spark", inputs, outputs, list(self.constants.values()), doc
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="ridge-spark",
        )
        helper.set_model_props(model, about)
        onnx.checker.check_model(model, full_check=True)
        return model
