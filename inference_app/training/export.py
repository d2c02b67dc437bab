"""From Keras to ONNX."""

import warnings
from pathlib import Path

import keras
import onnx
from onnx.tools.update_model_dims import update_inputs_outputs_dims

from inference_app.training.data import HEIGHT, LABELS, WIDTH
from inference_app.training.network import INPUT, OUTPUT

OPSET = 15  # ONNX Runtime 1.10 (2021) and later run it (https://onnxruntime.ai/docs/reference/compatibility.html)


def export_onnx(model: keras.Model, path: Path) -> None:
    """Writes `model` as float32 ONNX with a free batch dimension and the names `INPUT` and `OUTPUT`."""
    # tf2onnx takes an output's name from a dictionary key; a bare tensor would be called "Identity:0".
    named = keras.Model(model.inputs, {OUTPUT: model.output})
    signature = [keras.InputSpec(dtype="float32", shape=(None, HEIGHT, WIDTH, 1), name=INPUT)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras 3.15 probes `np.object`
        named.export(str(path), format="onnx", opset_version=OPSET, input_signature=signature, verbose=False)
    graph = update_inputs_outputs_dims(
        onnx.load(path), {INPUT: ["batch", HEIGHT, WIDTH, 1]}, {OUTPUT: ["batch", len(LABELS)]}
    )
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)
