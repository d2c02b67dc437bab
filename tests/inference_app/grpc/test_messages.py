import struct
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest
from inference_app.grpc import messages
from inference_app.grpc.open_inference_pb2 import InferParameter, ModelInferRequest, ModelInferResponse
from inference_app.repository import Metadata
from inference_app.tensors import Arrays, Datatype, TensorSpec

VALUES: dict[Datatype, list[Any]] = {Datatype.BYTES: ["ä", ""], Datatype.BOOL: [True, False]}


def model(datatype: str = "FP32", *shape: int, **changes: Any) -> Metadata:
    """What the messages read of a model's metadata: one input `x`, one output `p`."""
    x, p = (TensorSpec(name=name, datatype=Datatype(datatype), shape=(-1, *shape)) for name in "xp")
    specs = {"inputs": (x,), "outputs": (p,)}
    metadata: Any = SimpleNamespace(**{"name": "m", "version": "1", "labels": None, **specs, **changes})
    return metadata


def request(datatype: str, shape: list[int], raw: bytes | None = None, **contents: Any) -> ModelInferRequest:
    tensor = ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=shape)
    if contents:
        tensor.contents.MergeFrom(type(tensor.contents)(**contents))
    return ModelInferRequest(inputs=[tensor], raw_input_contents=[] if raw is None else [raw], id="7")


def answer(message: ModelInferRequest, outputs: Arrays, metadata: Metadata) -> ModelInferResponse:
    return messages.answer(message, messages.requested_outputs(message, metadata), outputs, metadata)


@pytest.mark.parametrize("datatype", [name for name in Datatype if name is not Datatype.FP16])
def test_every_datatype_but_fp16_comes_in_and_goes_out_in_its_typed_field(datatype: Datatype) -> None:
    metadata, values = model(datatype, 2), VALUES.get(datatype, [1, 0])
    encoded: Any = [value.encode() if isinstance(value, str) else value for value in values]
    message = request(datatype, [1, 2], None, **{messages.FIELDS[datatype]: encoded})
    inputs = messages.read_inputs(message, metadata)
    assert inputs["x"].dtype == datatype.dtype
    assert inputs["x"].tolist() == [values]
    response = answer(message, {"p": inputs["x"]}, metadata)
    assert response.id == "7"
    assert list(getattr(response.outputs[0].contents, messages.FIELDS[datatype])) == encoded
    assert not response.raw_output_contents


@pytest.mark.parametrize("datatype", [name for name in Datatype if name is not Datatype.BYTES])
def test_raw_numbers_come_in_and_go_out_unchanged(datatype: Datatype) -> None:
    metadata, raw = model(datatype, 2), np.array([[1, 0]], dtype=datatype.dtype).tobytes()
    message = request(datatype, [1, 2], raw)
    inputs = messages.read_inputs(message, metadata)
    assert inputs["x"].tolist() == [[1, 0]]
    response = answer(message, {"p": inputs["x"]}, metadata)
    assert list(response.raw_output_contents) == [raw]
    assert not response.outputs[0].HasField("contents")


def test_raw_strings_come_in_and_go_out_unchanged() -> None:
    raw = struct.pack("<I", 2) + "ä".encode() + struct.pack("<I", 0)
    message = request("BYTES", [1, 2], raw)
    inputs = messages.read_inputs(message, model("BYTES", 2))
    assert inputs["x"].tolist() == [["ä", ""]]
    assert list(answer(message, {"p": inputs["x"]}, model("BYTES", 2)).raw_output_contents) == [raw]


def test_a_typed_request_gets_an_fp16_output_raw() -> None:
    half = TensorSpec(name="p", datatype=Datatype.FP16, shape=(-1,))
    message = request("FP32", [1], fp32_contents=[1])
    response = answer(message, {"p": np.array([0.5], np.float16)}, model("FP32", outputs=(half,)))
    assert list(response.raw_output_contents) == [np.float16(0.5).tobytes()]


@pytest.mark.parametrize(
    ("message", "part"),
    [
        (request("INT8", [1, 2], int_contents=[1, 2]), "expected datatype FP32, got INT8"),
        (request("FP32", [1, 3], fp32_contents=[1, 2, 3]), r"expected shape \[-1, 2\], got \[1, 3\]"),
        (request("FP32", [-1, 2], fp32_contents=[1, 2]), "expected shape"),
        (request("FP32", [1] * 100_000, fp32_contents=[1]), r"got \[1, 1, 1, 1, 1, 1, 1, 1\] and more"),
        (request("FP32", [1, 2], fp32_contents=[1]), r"shape \[1, 2\] does not match 1 elements"),
        (request("FP32", [2**40, 2], fp32_contents=[1]), "does not match 1 elements"),
        (request("FP32", [1, 2], fp64_contents=[1, 2]), "does not match 0 elements"),
        (request("FP32", [1, 2]), "does not match 0 elements"),
        (request("FP32", [1, 2], bytes(7)), "takes 8 bytes, got 7"),
        (request("FP32", [1, 2], bytes(8), fp32_contents=[1, 2]), "given twice, raw and in contents"),
        (request("FP32", [1, 2], fp32_contents=[1, float("nan")]), "NaN and infinity"),
        (request("FP32", [1, 2], np.array([1, np.inf], np.float32).tobytes()), "NaN and infinity"),
        (ModelInferRequest(), "input x is missing"),
        (ModelInferRequest(inputs=[{"name": "y"}]), "unknown input y"),
        (ModelInferRequest(inputs=[{"name": "x"}, {"name": "x"}]), "given twice"),
        (ModelInferRequest(inputs=[{"name": "x"}], raw_input_contents=[b"", b""]), "one entry per input, got 2"),
    ],
)
def test_a_wrong_input_is_refused_with_expected_and_got(message: ModelInferRequest, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        messages.read_inputs(message, model("FP32", 2))


@pytest.mark.parametrize(("datatype", "value"), [("INT8", 128), ("INT16", -40_000)])
def test_whole_numbers_that_their_wider_field_holds_but_their_datatype_does_not_are_refused(
    datatype: str, value: int
) -> None:
    with pytest.raises(BadRequest, match=f"outside {datatype}"):
        messages.read_inputs(request(datatype, [1], int_contents=[value]), model(datatype))


def test_fp16_has_no_typed_field() -> None:
    with pytest.raises(BadRequest, match="send it raw"):
        messages.read_inputs(request("FP16", [1], fp32_contents=[1]), model("FP16"))


def test_a_string_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadRequest, match="no UTF-8"):
        messages.read_inputs(request("BYTES", [1], bytes_contents=[b"\xff"]), model("BYTES"))


def test_the_likeliest_classes_can_be_had() -> None:
    message = request("FP32", [1, 3], fp32_contents=[1, 2, 3])
    output = message.outputs.add(name="p")
    output.parameters["classification"].CopyFrom(InferParameter(int64_param=2))
    response = answer(message, {"p": np.array([[1, 3, 2]], np.float32)}, model("FP32", 3, labels=("a", "b", "c")))
    assert response.outputs[0].datatype == "BYTES"
    assert list(response.outputs[0].contents.bytes_contents) == [b"3:1:b", b"2:2:c"]


@pytest.mark.parametrize(
    ("outputs", "part"),
    [
        ([{"name": "q"}], "unknown output q; the model gives p"),
        ([{"name": "p"}, {"name": "p"}], "asked for twice"),
        ([{"name": "p", "parameters": {"classification": {"bool_param": True}}}], "int64_param of at least 1"),
        ([{"name": "p", "parameters": {"classification": {"int64_param": -1}}}], "int64_param of at least 1"),
    ],
)
def test_a_wrong_output_is_refused(outputs: Any, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        messages.requested_outputs(ModelInferRequest(outputs=outputs), model())
