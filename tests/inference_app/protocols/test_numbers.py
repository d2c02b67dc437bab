"""The fast path, which bytes take, and the careful one, which parsed values take, must agree: most tests run both."""

import json
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest
from inference_app.protocols.numbers import NumberReader
from inference_app.repository import Metadata, ModelVersion
from inference_app.tensors import Arrays, Datatype

COLUMNS = {"kind": "features", "columns": [{"name": "age", "scale": 0.5, "offset": -1}, {"name": "income"}]}


def reader(digits: ModelVersion, *shapes: tuple[int, ...], datatype: str = "FP32", **changes: Any) -> NumberReader:
    """Reads one input per shape, named a, b, ..."""
    inputs = [
        {"name": name, "datatype": datatype, "shape": [-1, *shape]} for name, shape in zip("abc", shapes, strict=False)
    ]
    content = digits.metadata.model_dump(mode="json") | {"inputs": inputs, "preprocessing": None, **changes}
    return NumberReader(Metadata.model_validate(content))


def both(reader: NumberReader, value: Any) -> list[Arrays]:
    """What the fast path and the careful one read."""
    return [reader.read(json.dumps({"inputs": value}).encode()), reader.from_value(value)]


def refusals(reader: NumberReader, value: Any) -> set[str]:
    """What the fast path and the careful one say."""
    with pytest.raises(BadRequest) as from_bytes:
        reader.read(json.dumps({"inputs": value}).encode())
    with pytest.raises(BadRequest) as from_value:
        reader.from_value(value)
    return {str(from_bytes.value), str(from_value.value)}


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
@pytest.mark.parametrize(
    ("shape", "value", "size"),
    [
        ((2,), [1, 2.5], 1),
        ((2,), [[1, 2.5]], 1),
        ((2,), [[1, -2e-1], [3, 4]], 2),
        ((2, 1), [[[1], [2]], [[3], [4]]], 2),
        ((2, 1), [[1], [2]], 1),
        ((), 5, 1),
        ((), [5, 6], 2),
        ((-1,), [[1, 2, 3]], 1),
    ],
)
def test_one_example_and_several_are_told_apart_by_their_depth(
    digits: ModelVersion, datatype: str, shape: tuple[int, ...], value: Any, size: int
) -> None:
    expected = np.array(value, dtype=Datatype(datatype).dtype)
    for arrays in both(reader(digits, shape, datatype=datatype), value):
        assert arrays["a"].dtype == expected.dtype
        assert len(arrays["a"]) == size
        np.testing.assert_array_equal(arrays["a"].ravel(), expected.ravel())


@pytest.mark.parametrize(
    "body", [b'{"inputs":[[1,2]]}', b'{ "inputs" : [[1, 2]] }', b"[[1,2]]", b"[1,2]", b'\n{"inputs":\t[1e0,2]}\r\n']
)
def test_inputs_may_be_wrapped_or_bare(digits: ModelVersion, body: bytes) -> None:
    np.testing.assert_array_equal(reader(digits, (2,)).read(body)["a"], [[1, 2]])


WRONG: list[tuple[Any, str]] = [
    ([[1, True]], "a boolean"),
    ([[1, "2"]], "a string"),
    ([[1, None]], "null"),
    ([[1, {}]], "an object"),
    ([[1], [1, 2]], "differ in length"),
    ([[1, [2]]], "depths"),
    ([1, [2]], "depths"),
    ([[1, 2], 3], "mixed"),
    ([[1, 2, 3]], "expected shape"),
    ([[[1, 2]]], "expected shape"),
    ([], "expected shape"),
    ([[]], "expected shape"),
    ([[]] * 100_000, "expected shape"),
    (1, "expected shape"),
    ([[1e39, 1]], "outside FP32"),
    ([[-1e308, 1e308]], "outside FP32"),
    ([[10**60, 1]], "outside FP32"),
]


@pytest.mark.parametrize(("value", "part"), WRONG)
def test_what_is_no_example_is_refused_with_the_same_words_on_both_paths(
    digits: ModelVersion, value: Any, part: str
) -> None:
    (message,) = refusals(reader(digits, (2,)), value)
    assert part in message


def test_the_largest_number_of_the_datatype_is_taken(digits: ModelVersion) -> None:
    largest = float(np.finfo(np.float32).max)
    for arrays in both(reader(digits, (2,)), [[largest, -largest]]):
        np.testing.assert_array_equal(arrays["a"], np.array([[largest, -largest]], dtype=np.float32))


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30])
def test_a_whole_number_of_any_size_is_a_number(digits: ModelVersion, number: int) -> None:
    for arrays in both(reader(digits, (2,)), [[number, 0]]):
        np.testing.assert_array_equal(arrays["a"], np.array([[number, 0]], dtype=np.float32))


def test_a_number_too_large_for_half_precision_is_refused(digits: ModelVersion) -> None:
    (message,) = refusals(reader(digits, (2,), datatype="FP16"), [[70_000, 0]])
    assert "outside FP16" in message


@pytest.mark.parametrize("value", [[[1.5]], [[1e3]], [[2**63]]])
def test_integer_inputs_take_whole_numbers_that_fit(digits: ModelVersion, value: Any) -> None:
    integers = reader(digits, (1,), datatype="INT64")
    assert integers.read(b"[[7]]")["a"].tolist() == [[7]]
    assert len(refusals(integers, value)) == 1


def test_several_inputs_are_given_by_name(digits: ModelVersion) -> None:
    arrays = reader(digits, (), ()).read(b'{"inputs": {"a": [1, 2], "b": [3, 4]}}')
    assert {name: array.tolist() for name, array in arrays.items()} == {"a": [1, 2], "b": [3, 4]}


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"inputs": [1, 2]}', "inputs must be an object with a, b"),
        (b'{"inputs": {"a": [1]}}', "input b is missing"),
        (b'{"inputs": {"a": [1], "b": [1], "c": [1]}}', "unknown input c"),
        (b'{"inputs": {"a": [1], "b": [1, 2]}}', "same number of examples"),
        (b'{"instances": [1]}', "the body must be an array or"),
        (b'{"inputs": [1], "more": 1}', "the body must be an array or"),
        (b"{}", "the body must be an array or"),
        (b'"text"', "inputs must be an object"),
    ],
)
def test_other_documents_are_refused_with_the_reason(digits: ModelVersion, body: bytes, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        reader(digits, (), ()).read(body)


def test_a_key_with_digits_in_it_is_not_taken_for_inputs(digits: ModelVersion) -> None:
    with pytest.raises(BadRequest, match="the body must be an array or"):
        reader(digits, ()).read(b'{"in1puts":[1]}')


@pytest.mark.parametrize(
    "body", [b"", b"[1,", b"[NaN]", b"[Infinity]", b"[1e400]", b"\xff", b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000]
)
def test_what_is_no_json_is_refused(digits: ModelVersion, body: bytes) -> None:
    with pytest.raises(BadRequest, match="no valid JSON"):
        reader(digits, (2,)).read(body)


def test_lists_nested_deeper_than_an_array_can_be_are_refused(digits: ModelVersion) -> None:
    with pytest.raises(BadRequest, match="expected shape"):
        reader(digits, (2,)).read(b"[" * 1000 + b"1" + b"]" * 1000)


def test_null_is_a_missing_value_where_the_model_takes_those(digits: ModelVersion) -> None:
    inputs = [{"name": "a", "datatype": "FP32", "shape": [-1, 2], "allow_nan": True}]
    for preprocessing in (None, COLUMNS):
        array = reader(digits, (2,), inputs=inputs, preprocessing=preprocessing).read(b"[[null, 3]]")["a"]
        np.testing.assert_array_equal(array, [[np.nan, 3]])


@pytest.mark.parametrize(
    "value", [[[4, 10]], [4, 10], {"age": 4, "income": 10}, [{"age": 4, "income": 10}], [{"income": 10.0, "age": 4.0}]]
)
def test_columns_may_be_named_and_are_scaled(digits: ModelVersion, value: Any) -> None:
    for arrays in both(reader(digits, (2,), preprocessing=COLUMNS), value):
        assert arrays["a"].dtype == np.float32
        np.testing.assert_array_equal(arrays["a"], [[1, 10]])


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ([{"age": True, "income": 1}], "a boolean"),
        ([{"age": "4", "income": 1}], "a string"),
        ([{"age": [4], "income": [1]}], "expected shape"),
        ([{"age": 4}], "column income is missing"),
        ([{"age": 4, "income": 1e39}], "outside FP32"),
        ([], "expected shape"),
    ],
)
def test_what_is_no_record_is_refused(digits: ModelVersion, value: Any, part: str) -> None:
    (message,) = refusals(reader(digits, (2,), preprocessing=COLUMNS), value)
    assert part in message


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_a_number_that_its_scale_takes_out_of_the_datatype_is_refused(digits: ModelVersion, datatype: str) -> None:
    columns = {"kind": "features", "columns": [{"name": "age", "scale": 1e30}]}
    largest = float(np.finfo(Datatype(datatype).dtype).max)
    (message,) = refusals(reader(digits, (1,), datatype=datatype, preprocessing=columns), [[largest]])
    assert message == f"input a: a scaled number lies outside {datatype}"


def test_an_input_of_strings_is_read_too(digits: ModelVersion) -> None:
    assert reader(digits, (1,), datatype="BYTES").read(b'[["a"], ["b"]]')["a"].tolist() == [["a"], ["b"]]
