"""The shipped model with ballast: the same answers, for which each call keeps a core busy for a while."""

import hashlib
import shutil
from pathlib import Path

import onnx
from onnx import helper

from inference_app import repository

NAME = "digits"
SIDE, TURNS = 640, 2
"""Rows and columns of the matrices that are multiplied, and how often: about 10 ms each on one core."""


def write(source: Path, target: Path) -> Path:
    """A repository in `target` whose model answers as the one in `source`; gives `target`."""
    shutil.copytree(source / NAME, target / NAME)
    version = repository.find(target, NAME)
    model = onnx.ModelProto.FromString(version.model_path.read_bytes())
    add_ballast(model.graph)
    content = model.SerializeToString()
    version.model_path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    repository.write(version.directory / "metadata.json", version.metadata.model_copy(update={"sha256": digest}))
    return target


def add_ballast(graph: onnx.GraphProto) -> None:
    """Nodes that add 0 to the first output, and take the input into it so that nothing is worked out beforehand."""
    output = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["unburdened" if name == output else name for name in node.output]
    graph.initializer.extend(
        [
            helper.make_tensor("none", onnx.TensorProto.FLOAT, [], [0.0]),
            helper.make_tensor("square", onnx.TensorProto.INT64, [2], [SIDE, SIDE]),
        ]
    )
    graph.node.extend(
        [
            helper.make_node("ReduceMax", [graph.input[0].name], ["greatest"], keepdims=0),
            helper.make_node("Mul", ["greatest", "none"], ["nothing"]),
            helper.make_node("Expand", ["nothing", "square"], ["ballast_0"]),
            *(
                helper.make_node("MatMul", [f"ballast_{turn}", f"ballast_{turn}"], [f"ballast_{turn + 1}"])
                for turn in range(TURNS)
            ),
            helper.make_node("ReduceMax", [f"ballast_{TURNS}"], ["weight"], keepdims=0),
            helper.make_node("Add", ["unburdened", "weight"], [output]),
        ]
    )
