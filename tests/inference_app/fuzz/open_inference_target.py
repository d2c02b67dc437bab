"""`python open_inference_target.py [libFuzzer options] [corpus]`: atheris looks for a body that breaks the codec.

Coverage of the codec guides it. Whatever is raised but `InferenceError` ends it, and so does a body that takes long or
much memory, within libFuzzer's limits (https://llvm.org/docs/LibFuzzer.html#options).
"""

import sys
from types import SimpleNamespace
from typing import Any

import atheris
import numpy as np

with atheris.instrument_imports(include=["inference_app.protocols", "inference_app.tensors"]):
    from inference_app.errors import InferenceError
    from inference_app.outputs import BatchOutputs, Rows
    from inference_app.protocols.open_inference import OpenInferenceCodec
    from inference_app.tensors import Datatype, TensorSpec

SPECS = (
    TensorSpec(name="a", datatype=Datatype.FP32, shape=(-1, -1)),
    TensorSpec(name="b", datatype=Datatype.BYTES, shape=(-1,)),
    TensorSpec(name="c", datatype=Datatype.BOOL, shape=(-1, 2)),
)
CODEC = OpenInferenceCodec(SimpleNamespace(name="m", version="1", inputs=SPECS, outputs=SPECS, labels=None))  # type: ignore[arg-type]


def one_input(data: bytes) -> None:
    """The first two bytes say how long the JSON is; all others are the body."""
    length, body = int.from_bytes(data[:2], "little"), data[2:]
    headers = {b"inference-header-content-length": str(length).encode()} if length else {}
    try:
        call = CODEC.parse(body, headers)
    except InferenceError:
        return
    rows = len(call.inputs["a"])
    outputs: dict[str, Any] = {name: np.asarray(array) for name, array in call.inputs.items()}
    call.render(Rows(BatchOutputs(outputs), 0, rows))


atheris.Setup(sys.argv, one_input)
atheris.Fuzz()
