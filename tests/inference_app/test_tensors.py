from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from inference_app import tensors
from inference_app.errors import BadRequest
from inference_app.tensors import Datatype, TensorSpec


def spec(datatype: str = "FP32", *shape: int) -> TensorSpec:
    return TensorSpec(name="x", datatype=Datatype(datatype), shape=(-1, *shape))


def refusal(value: object, datatype: str = "FP32") -> str:
    with pytest.raises(BadRequest) as raised:
        tensors.from_json(value, spec(datatype, 2))
    return str(raised.value)


@pytest.mark.parametrize("datatype", list(Datatype))
def test_every_datatype_becomes_the_numpy_type_of_its_width(datatype: Datatype) -> None:
    value: list[Any] = {Datatype.BOOL: [True, False], Datatype.BYTES: ["a", ""]}.get(datatype, [1, 0])
    array = tensors.from_json(value, spec(datatype, 2))
    assert array.dtype == datatype.dtype
    assert array.tolist() == value


def test_nested_lists_keep_their_shape() -> None:
    assert tensors.from_json([[[1, 2.5]], [[3, 4]]], spec()).tolist() == [[[1, 2.5]], [[3, 4]]]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ([[1, 2], [3]], "differ in length"),
        ([[1, 2], 3], "mixed at depth 1"),
        ([1, [2, 3]], "lists of different depths"),
        (["1", 2], "a string"),
        ([None, 2], "null"),
        ([True, 2], "a boolean"),
        ([{"a": 1}, 2], "an object"),
        ([1e39, 2], "outside FP32"),
        (["x" * 100_000, *[0] * 100_000], "a string"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(value: object, part: str) -> None:
    assert part in refusal(value)


@pytest.mark.parametrize("value", [[128, 0], [-129, 0], [1.0, 0]])
def test_integers_are_never_wrapped_or_rounded(value: object) -> None:
    assert "INT8" in refusal(value, "INT8")


@pytest.mark.parametrize("datatype", [name for name in Datatype if name.startswith(("INT", "UINT"))])
def test_every_whole_number_that_fits_is_taken_and_none_beyond(datatype: Datatype) -> None:
    limits = np.iinfo(datatype.dtype)
    assert tensors.from_json([limits.min, limits.max], spec(datatype, 2)).tolist() == [limits.min, limits.max]
    for beyond in (limits.min - 1, limits.max + 1):
        assert "outside" in refusal([beyond, 0], datatype)


@pytest.mark.parametrize(("datatype", "largest"), [("FP16", 65504), ("FP32", 3.4028234663852886e38)])
def test_a_fraction_is_never_made_infinite(datatype: str, largest: float) -> None:
    assert tensors.from_json([largest, -largest], spec(datatype, 2)).tolist() == [largest, -largest]
    assert "outside" in refusal([largest * 1.001, 0], datatype)


def test_a_string_of_any_length_stays_whole() -> None:
    array = tensors.from_json([["a\0b", "x" * 300]], spec("BYTES", 2))
    assert array.tolist() == [["a\0b", "x" * 300]]


def test_null_is_nan_where_the_model_takes_it() -> None:
    missing = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1,), allow_nan=True)
    assert np.isnan(tensors.from_json([None], missing)).all()


def test_only_fractions_can_be_nan() -> None:
    with pytest.raises(ValidationError, match="allow_nan is for"):
        TensorSpec(name="x", datatype=Datatype.INT8, shape=(-1,), allow_nan=True)


OPEN = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 2, -1))


@pytest.mark.parametrize("shape", [(1, 2, 3), (7, 2, 0), [1, 2, 3]])
def test_a_shape_fits_when_every_size_does(shape: Any) -> None:
    assert OPEN.accepts(shape)


@pytest.mark.parametrize("shape", [(0, 2, 3), (-1, 2, 3), (1, 3, 3), (1, 2), (1, 2, -1), (1, True, 3), (1, 2.0, 3)])
def test_another_shape_does_not_fit(shape: Any) -> None:
    assert not OPEN.accepts(shape)


def test_numbers_are_no_booleans() -> None:
    assert "BOOL" in refusal([1, 0], "BOOL")


def test_a_wrong_shape_names_expected_and_got() -> None:
    with pytest.raises(BadRequest, match=r"expected shape \[-1, 2\], got \[1, 3\]"):
        tensors.check({"x": np.zeros((1, 3))}, (spec("FP32", 2),))


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(BadRequest):
        tensors.check({"x": np.zeros((0, 2))}, (spec("FP32", 2),))


def test_inputs_with_different_numbers_of_examples_are_refused() -> None:
    two = (spec("FP32", 2), TensorSpec(name="y", datatype=Datatype.FP32, shape=(-1,)))
    with pytest.raises(BadRequest, match="same number of examples"):
        tensors.check({"x": np.zeros((2, 2)), "y": np.zeros(3)}, two)


def test_missing_and_unknown_inputs_are_named() -> None:
    with pytest.raises(BadRequest, match="input x is missing"):
        tensors.check({}, (spec("FP32", 2),))
    with pytest.raises(BadRequest, match="unknown input z; the model takes x"):
        tensors.check({"x": np.zeros((1, 2)), "z": np.zeros(1)}, (spec("FP32", 2),))
