"""A Keras network in the formats that servers and devices run, written by Keras itself."""

import warnings
from pathlib import Path

import keras
import onnx
from onnx.tools.update_model_dims import update_inputs_outputs_dims

from inference_app.training.run import OUTPUT

OPSET = 15  # ONNX Runtime 1.10 (2021) and later run it (https://onnxruntime.ai/docs/reference/compatibility.html)


def write_onnx(model: keras.Model, path: Path) -> None:
    """Writes float32 ONNX with a free batch dimension and the names of the network's input and output."""
    spec = model.inputs[0]
    # tf2onnx, which Keras calls, takes an output's name from a dictionary key; a bare tensor would be "Identity:0".
    named = keras.Model(model.inputs, {OUTPUT: model.output})
    signature = [keras.InputSpec(dtype="float32", shape=(None, *spec.shape[1:]), name=spec.name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras 3.15 probes `np.object`
        named.export(str(path), format="onnx", opset_version=OPSET, input_signature=signature, verbose=False)
    graph = update_inputs_outputs_dims(
        onnx.load(path), {spec.name: ["batch", *spec.shape[1:]]}, {OUTPUT: ["batch", model.output.shape[-1]]}
    )
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def write_saved_model(model: keras.Model, folder: Path) -> None:
    """Writes what TensorFlow Serving serves, the folder of one version."""
    model.export(str(folder), format="tf_saved_model", verbose=False)


def write_litert(model: keras.Model, path: Path) -> None:
    """Writes a `.tflite` file of LiteRT's own operations."""
    model.export(str(path), format="litert", verbose=False)
