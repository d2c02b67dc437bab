from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from inference_app.preprocessing.declarations import Preprocessing
from inference_app.tensors import Datatype, TensorSpec

IMAGE = {"kind": "image", "width": 3, "height": 2, "mode": "RGB"}
TEXT = {"kind": "text", "tokenizer_sha256": "0" * 64, "max_length": 8}
FEATURES = {"kind": "features", "columns": [{"name": "age"}, {"name": "income", "scale": 0.001}]}
TOKENS = (("input_ids", Datatype.INT64, (-1, -1)), ("attention_mask", Datatype.INT64, (-1, -1)))


def inputs(*tensors: tuple[str, Datatype, tuple[int, ...]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name=name, datatype=datatype, shape=shape) for name, datatype, shape in tensors)


def check(declared: dict[str, Any], *tensors: tuple[str, Datatype, tuple[int, ...]]) -> None:
    adapter: TypeAdapter[Preprocessing] = TypeAdapter(Preprocessing)
    adapter.validate_python(declared).check(inputs(*tensors))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"kind": "audio"}, "image"),
        ({"means": [1, 2, 3]}, "means"),
        ({"mean": [1]}, "mean needs one number per channel, 3 for RGB"),
        ({"std": [1, 0, 1]}, "std"),
        ({"scale": float("nan")}, "scale"),
        ({"shortest_side": 8}, "shortest_side is for resize center_crop"),
        ({"resize": "center_crop", "shortest_side": 2}, "shortest_side must be at least 3"),
    ],
)
def test_a_wrong_image_declaration_is_refused(changes: dict[str, Any], part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        check(IMAGE | changes, ("x", Datatype.FP32, (-1, 2, 3, 3)))


def test_images_fit_either_layout() -> None:
    check(IMAGE, ("x", Datatype.FP32, (-1, 2, 3, 3)))
    check(IMAGE, ("x", Datatype.FP16, (-1, 3, 2, 3)))
    check(IMAGE, ("x", Datatype.UINT8, (-1, 3, 2, 3)))


@pytest.mark.parametrize(
    ("changes", "tensors", "part"),
    [
        ({}, [("x", Datatype.FP32, (-1, 3, 2, 1))], "needs a first input of"),
        ({"scale": 2}, [("x", Datatype.UINT8, (-1, 2, 3, 3))], "UINT8 without scale"),
        ({}, [("x", Datatype.INT64, (-1, 2, 3, 3))], "input of fractions"),
        ({}, [("x", Datatype.FP32, (-1, 2, 3, 3)), ("y", Datatype.FP32, (-1,))], "the model has 2"),
    ],
)
def test_images_for_another_input_are_refused(changes: dict[str, Any], tensors: list[Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        check(IMAGE | changes, *tensors)


def test_tokens_fit_inputs_of_any_length_or_of_the_padded_one() -> None:
    check(TEXT, *TOKENS)
    check(TEXT | {"padding": "fixed", "mask": None}, ("input_ids", Datatype.INT32, (-1, 8)))


@pytest.mark.parametrize(
    ("changes", "tensors", "part"),
    [
        ({"type_ids": "token_type_ids"}, TOKENS, "the model takes input_ids, attention_mask"),
        ({"mask": None}, [("input_ids", Datatype.INT64, (-1, 8))], r"of shape \[-1, -1\]"),
        ({"mask": None}, [("input_ids", Datatype.FP32, (-1, -1))], "must be INT32 or INT64"),
        ({"mask": None, "padding": "fixed"}, [("input_ids", Datatype.INT64, (-1, 9))], "-1 or 8"),
    ],
)
def test_tokens_for_other_inputs_are_refused(changes: dict[str, Any], tensors: list[Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        check(TEXT | changes, *tensors)


def test_columns_fit_one_input_of_as_many_numbers() -> None:
    check(FEATURES, ("x", Datatype.FP32, (-1, 2)))
    with pytest.raises(ValueError, match="2 columns need one input"):
        check(FEATURES, ("x", Datatype.FP32, (-1, 3)))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two columns have the same name"):
        check({"kind": "features", "columns": [{"name": "a"}, {"name": "a"}]}, ("x", Datatype.FP32, (-1, 2)))
