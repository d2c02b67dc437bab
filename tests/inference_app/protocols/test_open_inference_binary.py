import json
import struct
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference_app import tensors
from inference_app.errors import BadRequest
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols.call import Answer
from inference_app.protocols.open_inference import InferCall, OpenInferenceCodec
from inference_app.tensors import Datatype, TensorSpec

HEADER = b"inference-header-content-length"


def codec(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = ()) -> OpenInferenceCodec:
    metadata: Any = SimpleNamespace(name="m", version="1", inputs=inputs, outputs=outputs or inputs, labels=None)
    return OpenInferenceCodec(metadata)


def spec(datatype: str, *shape: int, name: str = "x", **changes: Any) -> TensorSpec:
    return TensorSpec(name=name, datatype=Datatype(datatype), shape=(-1, *shape), **changes)


def tensor(shape: list[int], datatype: str, size: object, name: str = "x", **changes: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}, **changes}


def parse(codec: OpenInferenceCodec, inputs: list[Any], data: bytes, **members: Any) -> InferCall:
    text = json.dumps({"inputs": inputs, **members}).encode()
    return codec.parse(text + data, {HEADER: str(len(text)).encode()})


def bytes_of(*texts: str | bytes) -> bytes:
    contents = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(struct.pack("<I", len(content)) + content for content in contents)


def octets(*values: Any) -> Any:
    return np.array(values, dtype=np.uint8)


def split(answer: Answer) -> tuple[dict[str, Any], bytes]:
    """An answer's JSON and what follows it."""
    length = int(dict(answer.headers)[HEADER])
    return json.loads(answer.body[:length]), answer.body[length:]


NUMBERS = [datatype for datatype in Datatype if datatype is not Datatype.BYTES]


@pytest.mark.parametrize("datatype", NUMBERS)
def test_every_kind_of_number_comes_in_and_goes_out_unchanged(datatype: Datatype) -> None:
    data = np.array([[1, 0, 1]], dtype=datatype.dtype).tobytes()
    one = codec(spec(datatype, 3))
    request = tensor([1, 3], datatype, len(data))
    call = parse(one, [request], data, parameters={"binary_data_output": True}, id="7")
    assert call.inputs["x"].dtype == datatype.dtype
    assert call.inputs["x"].tolist() == [[1, 0, 1]]
    text, tail = split(call.render(Rows(BatchOutputs(call.inputs), 0, 1)))
    assert text == {"model_name": "m", "model_version": "1", "id": "7", "outputs": [request]}
    assert tail == data


def test_strings_come_in_and_go_out_unchanged() -> None:
    data = bytes_of("", "äöü", "a\0b", "x" * 300)
    one = codec(spec("BYTES", 2))
    call = parse(one, [tensor([2, 2], "BYTES", len(data))], data, parameters={"binary_data_output": True})
    assert call.inputs["x"].tolist() == [["", "äöü"], ["a\0b", "x" * 300]]
    text, tail = split(call.render(Rows(BatchOutputs(call.inputs), 0, 2)))
    assert text["outputs"][0]["shape"] == [2, 2]
    assert tail == data


def test_an_answer_is_octets_with_the_length_of_its_json() -> None:
    call = parse(codec(spec("UINT8")), [tensor([1], "UINT8", 1)], b"\x05", parameters={"binary_data_output": True})
    answer = call.render(Rows(BatchOutputs(call.inputs), 0, 1))
    assert answer.content_type == b"application/octet-stream"
    assert answer.body[int(answer.headers[0][1]) :] == b"\x05"


def test_binary_and_json_inputs_share_a_request() -> None:
    two = codec(spec("UINT8", name="a"), spec("UINT8", name="b"), spec("UINT8", name="c"))
    json_tensor = {"name": "b", "shape": [1], "datatype": "UINT8", "data": [2]}
    given = [tensor([1], "UINT8", 1, "c"), json_tensor, tensor([1], "UINT8", 1, "a")]
    inputs = parse(two, given, b"\x03\x01").inputs
    assert [(name, array.tolist()) for name, array in inputs.items()] == [("a", [1]), ("b", [2]), ("c", [3])]


def test_the_same_json_before_other_numbers_gives_other_inputs() -> None:
    one = codec(spec("UINT8"))
    for value in range(3):
        call = parse(one, [tensor([1], "UINT8", 1)], bytes([value]))
        assert call.inputs["x"].tolist() == [value]


def test_a_body_that_can_be_written_to_is_read_too() -> None:
    text = json.dumps({"inputs": [tensor([1], "UINT8", 1)]}).encode()
    written: Any = bytearray(text + b"\5")
    call = codec(spec("UINT8")).parse(written, {HEADER: str(len(text)).encode()})
    assert call.inputs["x"].tolist() == [5]


def test_a_single_output_can_differ_from_the_rest() -> None:
    two = codec(spec("UINT8", name="x"), outputs=(spec("UINT8", name="p"), spec("UINT8", name="q")))
    outputs = [{"name": "p", "parameters": {"binary_data": False}}, {"name": "q"}]
    request = [tensor([1], "UINT8", 1)]
    call = parse(two, request, b"\x01", parameters={"binary_data_output": True}, outputs=outputs)
    text, tail = split(call.render(Rows(BatchOutputs({"p": octets(8), "q": octets(9)}), 0, 1)))
    assert text["outputs"][0]["data"] == [8]
    assert text["outputs"][1]["parameters"] == {"binary_data_size": 1}
    assert tail == b"\x09"


def test_a_request_in_json_may_ask_for_a_binary_answer() -> None:
    document = {
        "inputs": [{"name": "x", "shape": [1], "datatype": "UINT8", "data": [5]}],
        "outputs": [{"name": "x", "parameters": {"binary_data": True}}],
    }
    call = codec(spec("UINT8")).parse(json.dumps(document).encode(), {})
    assert split(call.render(Rows(BatchOutputs(call.inputs), 0, 1)))[1] == b"\x05"


def test_classes_can_be_had_as_bytes() -> None:
    outputs = [{"name": "p", "parameters": {"classification": 1, "binary_data": True}}]
    one = codec(spec("UINT8"), outputs=(spec("UINT8", 2, name="p"),))
    call = parse(one, [tensor([1], "UINT8", 1)], b"\x01", outputs=outputs)
    assert split(call.render(Rows(BatchOutputs({"p": octets([3, 4])}), 0, 1)))[1] == bytes_of("4:1")


def test_a_body_without_json_is_one_example_of_the_only_input() -> None:
    one = codec(spec("FP32", -1, 2))
    call = one.parse(np.arange(6, dtype=np.float32).tobytes(), {HEADER: b"0"})
    assert call.inputs["x"].tolist() == [[[0, 1], [2, 3], [4, 5]]]
    assert split(call.render(Rows(BatchOutputs(call.inputs), 0, 1)))[0]["outputs"][0]["shape"] == [1, 3, 2]


@pytest.mark.parametrize(
    ("inputs", "size"),
    [
        ((spec("FP32", 2, name="a"), spec("FP32", 2, name="b")), 8),
        ((spec("FP32", -1, -1),), 8),
        ((spec("BYTES", 2),), 8),
        ((spec("FP32", -1, 2),), 12),
        ((spec("FP32", 2),), 12),
    ],
)
def test_a_body_without_json_must_leave_no_doubt_about_its_shape(inputs: tuple[TensorSpec, ...], size: int) -> None:
    with pytest.raises(BadRequest):
        codec(*inputs).parse(bytes(size), {HEADER: b"0"})


def test_an_image_is_read_in_place() -> None:
    size = 3 * 224 * 224 * 4
    text = json.dumps({"inputs": [tensor([1, 3, 224, 224], "FP32", size)]}).encode()
    body, one = text + bytes(size), codec(spec("FP32", 3, 224, 224))
    one.parse(body, {HEADER: str(len(text)).encode()})
    tracemalloc.start()
    call = one.parse(body, {HEADER: str(len(text)).encode()})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 2  # the search for NaN takes a byte for each number's four
    assert call.inputs["x"].base is not None


def test_the_model_gets_aligned_numbers_wherever_they_lie_in_the_body() -> None:
    one = codec(spec("FP32", 2))
    data = np.array([[1, 2]], np.float32).tobytes()
    parsed = [parse(one, [tensor([1, 2], "FP32", 8)], data, id="x" * length).inputs for length in range(4)]
    assert not all(inputs["x"].flags.aligned for inputs in parsed)
    for inputs in parsed:
        stacked = tensors.stack([inputs])["x"]
        assert stacked.flags.aligned
        assert stacked.tolist() == [[1, 2]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
@pytest.mark.parametrize("width", [2, 1000])
def test_nan_and_infinity_are_refused(value: float, datatype: str, width: int) -> None:
    data = np.full((1, width), value, dtype=Datatype(datatype).dtype).tobytes()
    with pytest.raises(BadRequest, match="NaN and infinity"):
        parse(codec(spec(datatype, width)), [tensor([1, width], datatype, len(data))], data)


def test_large_numbers_are_no_infinity() -> None:
    data = np.full((1, 4), np.finfo(np.float64).max).tobytes()
    assert parse(codec(spec("FP64", 4)), [tensor([1, 4], "FP64", 32)], data).inputs["x"].size == 4


def test_a_model_that_takes_nan_gets_it() -> None:
    data = np.array([[np.nan, np.inf]], np.float32).tobytes()
    call = parse(codec(spec("FP32", 2, allow_nan=True)), [tensor([1, 2], "FP32", 8)], data)
    np.testing.assert_array_equal(call.inputs["x"], [[np.nan, np.inf]])


@pytest.mark.parametrize(
    ("request_tensor", "data", "part"),
    [
        (tensor([1, 2], "FP32", 8), bytes(7), "8 bytes are announced, 7 are left"),
        (tensor([1, 2], "FP32", 8), bytes(9), "1 bytes follow the last input"),
        (tensor([1, 2], "FP32", 4), bytes(4), r"FP32 of shape \[1, 2\] takes 8 bytes, got 4"),
        (tensor([1, 2], "FP32", -8), bytes(8), "binary_data_size must be a whole number"),
        (tensor([1, 2], "FP32", 8.0), bytes(8), "binary_data_size must be a whole number"),
        (tensor([1, 2], "FP32", True), bytes(8), "binary_data_size must be a whole number"),
        (tensor([1, 2], "FP32", 2**63), bytes(8), "bytes are announced"),
        (tensor([2**62, 2], "FP32", 8), bytes(8), "takes 36893488147419103232 bytes, got 8"),
        (tensor([1, 3], "FP32", 12), bytes(12), "expected shape"),
        (tensor([1, 2], "FP32", 8, parameters={"shared_memory_region": "r"}), b"", "has no data"),
    ],
)
def test_sizes_that_lie_are_refused(request_tensor: Any, data: bytes, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        parse(codec(spec("FP32", 2)), [request_tensor], data)


def test_a_size_that_says_less_than_the_next_tensor_needs_is_refused() -> None:
    two = codec(spec("UINT8", name="a"), spec("UINT8", name="b"))
    with pytest.raises(BadRequest, match="1 bytes are announced, 0 are left"):
        parse(two, [tensor([1], "UINT8", 1, "a"), tensor([1], "UINT8", 1, "b")], b"\0")


def test_a_boolean_is_zero_or_one() -> None:
    with pytest.raises(BadRequest, match="byte of 0 or 1"):
        parse(codec(spec("BOOL", 2)), [tensor([1, 2], "BOOL", 2)], b"\x01\x02")


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "too few"),
        (b"\x01\0\0", "too few"),
        (bytes_of("a"), "too few"),
        (bytes_of("abcd"), "takes 2 elements, got 1"),
        (bytes_of("a", "b", "c"), "takes 2 elements, got 3"),
        (b"\xff\xff\xff\xff" + bytes(8), "runs over"),
        (bytes_of("abc") + b"\x01\0\0", "runs over"),
        (bytes_of("a") + b"\x02\0\0\0b", "runs over"),
        (bytes_of("a", b"\xff"), "no UTF-8"),
    ],
)
def test_strings_whose_lengths_lie_are_refused(data: bytes, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        parse(codec(spec("BYTES", 2)), [tensor([1, 2], "BYTES", len(data))], data)


def test_a_shape_larger_than_memory_is_refused_before_anything_is_allocated() -> None:
    for datatype in ("BYTES", "FP32"):
        with pytest.raises(BadRequest):
            parse(codec(spec(datatype, -1)), [tensor([2**31, 2**31], datatype, 8)], bytes(8))


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"", b"+5", b"1_0", b"9" * 5000, b"1000", b"\xb2"])
def test_a_length_of_the_json_that_is_none_is_refused(length: bytes) -> None:
    with pytest.raises(BadRequest, match="must be from 0 to the body's 8 bytes"):
        codec(spec("FP32", 2)).parse(bytes(8), {HEADER: length})
