"""Requests spoilt at random: each is answered or refused, never anything else."""

import json
import random
import struct
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols.open_inference import OpenInferenceCodec
from inference_app.tensors import Datatype, TensorSpec

HEADER = b"inference-header-content-length"
ROUNDS = 4000


def spec(name: str, datatype: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, datatype=Datatype(datatype), shape=(-1, *shape))


INPUTS = (spec("a", "FP32", -1), spec("b", "BYTES"), spec("c", "BOOL", 2))
METADATA: Any = SimpleNamespace(name="m", version="1", inputs=INPUTS, outputs=INPUTS, labels=None)
CODEC = OpenInferenceCodec(METADATA)


def request(rows: int, *, binary: bool) -> tuple[bytes, bytes]:
    """A good request's JSON and what follows it."""
    arrays = {"a": np.ones((rows, 3), np.float32), "c": np.ones((rows, 2), bool)}
    data = {
        "a": arrays["a"].tobytes(),
        "b": struct.pack("<I", 2) * rows if rows == 0 else (struct.pack("<I", 2) + b"ok") * rows,
        "c": arrays["c"].tobytes(),
    }
    values: dict[str, Any] = {"a": [1.0] * 3 * rows, "b": ["ok"] * rows, "c": [True] * 2 * rows}
    inputs: list[dict[str, Any]] = []
    for tensor in INPUTS:
        shape = [rows, *{"a": [3], "b": [], "c": [2]}[tensor.name]]
        content = (
            {"parameters": {"binary_data_size": len(data[tensor.name])}} if binary else {"data": values[tensor.name]}
        )
        inputs.append({"name": tensor.name, "shape": shape, "datatype": tensor.datatype, **content})
    outputs = [{"name": "a", "parameters": {"binary_data": True, "classification": 2}}, {"name": "b"}]
    document = {"id": "7", "inputs": inputs, "outputs": outputs, "parameters": {"binary_data_output": binary}}
    return json.dumps(document).encode(), b"".join(data.values()) if binary else b""


PIECES = (
    b"",
    b"-1",
    b"0",
    b"1e400",
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"[[",
    b"\xff",
    b"9223372036854775807",
    b"\0",
)


def spoil(content: bytes, chance: random.Random) -> bytes:
    """The content with a few of its pieces replaced, taken out or doubled."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(content) + 1)
        stop = min(len(content), start + chance.choice((0, 1, 1, 2, 8)))
        piece = chance.choice((*PIECES, content[start:stop] * 2, bytes([chance.randrange(256)])))
        content = content[:start] + piece + content[stop:]
    return content


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_spoilt_request_is_answered_or_refused(seed: int, *, binary: bool) -> None:
    chance = random.Random(seed)
    outcomes = {"answered": 0, "refused": 0}
    for _ in range(ROUNDS):
        text, tail = request(chance.randint(1, 3), binary=binary)
        whole = chance.random() < 0.5
        body = spoil(text + tail, chance) if whole else text + spoil(tail, chance)
        length = chance.choice((len(text), len(text), chance.randrange(len(body) + 2)))
        headers = {HEADER: str(length).encode()} if binary or chance.random() < 0.2 else {}
        CODEC.is_quick(len(body), headers)
        try:
            call = CODEC.parse(body, headers)
            call.render(Rows(BatchOutputs(call.inputs), 0, len(call.inputs["a"])))
            outcomes["answered"] += 1
        except BadRequest:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > ROUNDS / 100
