from typing import Any

import numpy as np
import pytest

from inference_app.protocols import tensor_list
from inference_app.result_cache.value import pack, unpack
from inference_app.tensors import Arrays, TensorSpec

SPECS = tensor_list.lenient(
    TensorSpec.model_validate({"name": name, "datatype": datatype, "shape": shape})
    for name, datatype, shape in (("scores", "FP32", (-1, 2)), ("label", "BYTES", (-1,)), ("is_new", "BOOL", (-1, 1)))
)
OUTPUTS: Arrays = {
    "scores": np.array([[0.25, np.nan], [np.inf, -0.0]], np.float32),
    "label": np.array(["sept", "höher"], object),
    "is_new": np.array([[True], [False]]),
}


def test_outputs_come_back_as_they_were() -> None:
    found = unpack(pack(OUTPUTS, SPECS), SPECS, 2)
    assert found is not None
    assert {name: (array.dtype, array.shape) for name, array in found.items()} == {
        name: (array.dtype, array.shape) for name, array in OUTPUTS.items()
    }
    assert all(np.array_equal(found[name], OUTPUTS[name], equal_nan=name == "scores") for name in SPECS)


def test_outputs_that_are_views_of_a_batch_come_back_alone() -> None:
    batch = np.arange(8, dtype=np.float32).reshape(4, 2)
    spec = {"scores": SPECS["scores"]}
    found = unpack(pack({"scores": batch[1:3]}, spec), spec, 2)
    assert found is not None
    assert found["scores"].tolist() == [[2, 3], [4, 5]]


VALUE = pack(OUTPUTS, SPECS)


def test_a_value_that_is_cut_short_is_none() -> None:
    assert [length for length in range(len(VALUE)) if unpack(VALUE[:length], SPECS, 2) is not None] == []


def test_a_value_with_another_byte_anywhere_is_none() -> None:
    def changed(place: int) -> bytes:
        return VALUE[:place] + bytes([VALUE[place] ^ 1]) + VALUE[place + 1 :]

    assert [place for place in range(len(VALUE)) if unpack(changed(place), SPECS, 2) is not None] == []


@pytest.mark.parametrize("value", [b"", b"OK", b"{}", b"x" * 400, VALUE + b"x", b"IAv1" + bytes(8)])
def test_what_somebody_else_has_put_there_is_none(value: bytes) -> None:
    assert unpack(value, SPECS, 2) is None


@pytest.mark.parametrize(
    ("rows", "change"),
    [(1, {}), (3, {}), (2, {"datatype": "FP64"}), (2, {"shape": (-1, 3)}), (2, {"name": "others"})],
)
def test_outputs_of_another_shape_are_none(rows: int, change: dict[str, Any]) -> None:
    spec = SPECS["scores"].model_copy(update=change)
    other = {spec.name: spec, "label": SPECS["label"], "is_new": SPECS["is_new"]}
    assert unpack(VALUE, other, rows) is None
