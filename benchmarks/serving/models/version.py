"""Writes one model version in the server's repository format, with a golden output that ONNX Runtime had no part in."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

OPSET = 20
IR_VERSION = 10
"""The format of ONNX 1.16 and ONNX Runtime 1.18, so that every peer's runtime reads it."""

Array = NDArray[Any]
Arrays = dict[str, Array]


@dataclass(kw_only=True)
class Graph:
    """An ONNX graph under construction: nodes in order, weights by name."""

    name: str
    inputs: dict[str, tuple[int, list[int | str]]]
    output: tuple[str, list[int | str]]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)

    def add(self, operator: str, *inputs: str | Array, **attributes: Any) -> str:
        """Append a node; arrays among its inputs become weights. Returns the name of its output."""
        output = f"{operator.lower()}_{len(self.nodes)}"
        names = [self._weight(value, f"{output}_{at}") for at, value in enumerate(inputs)]
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def finish(self, last: str) -> onnx.ModelProto:
        """The checked model whose output is what the node output `last` holds; raises onnx's `ValidationError`."""
        output, shape = self.output
        self.nodes.append(helper.make_node("Identity", [last], [output]))
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info(name, *spec) for name, spec in self.inputs.items()],
            [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in self.weights.items()],
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="benchmarks")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _weight(self, value: str | Array, name: str) -> str:
        if isinstance(value, str):
            return value
        self.weights[name] = value
        return name


def reference(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    """What ONNX's own evaluator, written in NumPy, computes."""
    evaluator = ReferenceEvaluator(model)
    return dict(zip(evaluator.output_names, evaluator.run(None, inputs), strict=True))


@dataclass(frozen=True, kw_only=True)
class Version:
    """A model with what its metadata declares; `files` are samples, by name, that lie beside it."""

    model: onnx.ModelProto
    framework: str
    inputs: Arrays
    outputs: Arrays
    tolerance: float
    labels: list[str] | None = None
    preprocessing: dict[str, Any] | None = None
    samples: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, repository: Path) -> Path:
        """Write `<repository>/<name>/1` and the model's active.json; returns the version's folder."""
        model = repository / self.model.graph.name
        directory = model / "1"
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in {**self.files, "model.onnx": self.model.SerializeToString()}.items():
            (directory / name).write_bytes(content)
        golden = {"inputs": _lists(self.inputs), "outputs": _lists(self.outputs)}
        (directory / "golden.json").write_text(json.dumps(golden))
        (directory / "metadata.json").write_text(json.dumps(self._metadata(), indent=2))
        (model / "active.json").write_text(json.dumps({"version": "1"}))
        return directory

    def _metadata(self) -> dict[str, Any]:
        graph = self.model.graph
        return {
            "name": graph.name,
            "version": "1",
            "created": datetime.now(UTC).isoformat(),
            "framework": self.framework,
            "sha256": hashlib.sha256(self.model.SerializeToString()).hexdigest(),
            "inputs": [_spec(tensor) for tensor in graph.input],
            "outputs": [_spec(tensor) for tensor in graph.output],
            "labels": self.labels,
            "preprocessing": self.preprocessing,
            "golden": {"file": "golden.json", "tolerance": self.tolerance},
            "samples": self.samples,
        }


def _lists(arrays: Arrays) -> dict[str, Any]:
    return {name: array.tolist() for name, array in arrays.items()}


def _spec(tensor: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = tensor.type.tensor_type
    datatype = {onnx.TensorProto.FLOAT: "FP32", onnx.TensorProto.INT64: "INT64"}[kind.elem_type]
    return {"name": tensor.name, "datatype": datatype, "shape": [size.dim_value or -1 for size in kind.shape.dim]}
