"""What runs an exported network, one thread each, so that times compare: ONNX Runtime, LiteRT and TensorFlow."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Predict: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Inputs [n, ...] to outputs [n, k]."""

CHUNK = 64


def onnx(path: Path) -> Predict:
    """ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda inputs: np.asarray(session.run(None, {name: inputs})[0])


def litert(path: Path) -> Predict:
    """LiteRT, an image at a time, as devices use it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()

    def predict_one(example: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter.set_tensor(given["index"], example[np.newaxis])
        interpreter.invoke()
        return interpreter.get_tensor(answer["index"])[0]

    return lambda inputs: np.stack([predict_one(example) for example in inputs])


def saved_model(folder: Path) -> Predict:
    """TensorFlow, by the signature that TensorFlow Serving calls."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]

    def predict(inputs: NDArray[np.float32], _: object = loaded) -> NDArray[np.float32]:
        (answer,) = signature(**{name: tf.constant(inputs)}).values()
        return answer.numpy()

    return predict


def predict_all(predict: Predict, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """All outputs, of a data set larger than one call should take."""
    return np.concatenate([predict(inputs[start : start + CHUNK]) for start in range(0, len(inputs), CHUNK)])
