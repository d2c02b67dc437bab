from typing import Any

import numpy as np
import pytest

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
    value: list[Any] = [True, False] if datatype is Datatype.BOOL else [1, 0]
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
