"""The network's numbers in 8 bits.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
https://ai.google.dev/edge/litert/models/post_training_quantization
"""

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

CALIBRATION_EXAMPLES = 200
"""Of the train part, in the order of a fixed seed; more moved no figure of ours."""


def calibration(inputs: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """The images by which ranges are set."""
    chosen = np.random.default_rng(seed).permutation(len(inputs))[:CALIBRATION_EXAMPLES]
    return inputs[np.sort(chosen)]


def dynamic(model: Path, path: Path) -> None:
    """Writes ONNX with weights of 8 bits; the ranges of what flows between layers are found anew for each request."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _prepared(model) as prepared:
        # Of convolutions whose ranges are found as they run, the CPU has kernels for unsigned weights alone.
        quantize_dynamic(prepared, path, weight_type=QuantType.QUInt8)


def static(model: Path, path: Path, examples: NDArray[np.float32]) -> None:
    """Writes ONNX with weights and activations of 8 bits, ranges from `examples`."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        """Feeds the examples one by one."""

        def __init__(self) -> None:
            name = _input_name(model)
            self._feeds: Iterator[dict[str, NDArray[np.float32]]] = iter([{name: row[np.newaxis]} for row in examples])

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self._feeds, None)

    with _prepared(model) as prepared:
        quantize_static(
            prepared,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Weights of 7 bits: those of 8 overflow on processors without VNNI, and which one serves is not known here.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def litert(saved_model: Path, path: Path, examples: NDArray[np.float32]) -> None:
    """Writes a `.tflite` file whose every operation is of 8 bits, float32 at its edges, ranges from `examples`."""
    import tensorflow as tf

    def representative() -> Generator[list[NDArray[np.float32]]]:
        for row in examples:
            yield [row[np.newaxis]]

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    path.write_bytes(converter.convert())


@contextmanager
def _prepared(model: Path) -> Generator[Path]:
    """The graph with its shapes and with batch normalisation folded into weights, as quantisers want it."""
    from onnxruntime.quantization import quant_pre_process

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it logs to the root what it did
    try:
        with TemporaryDirectory() as folder:
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(model, prepared, skip_symbolic_shape=True)
            yield prepared
    finally:
        root.setLevel(level)


def _input_name(model: Path) -> str:
    import onnx

    return onnx.load(model, load_external_data=False).graph.input[0].name
