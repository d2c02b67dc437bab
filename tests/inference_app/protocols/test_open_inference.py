import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols import open_inference
from inference_app.protocols.open_inference import InferCall, OpenInferenceCodec
from inference_app.repository import Metadata
from inference_app.tensors import Datatype, TensorSpec


def spec(name: str, datatype: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, datatype=Datatype(datatype), shape=(-1, *shape))


def model(*inputs: TensorSpec, **changes: Any) -> Metadata:
    """What a codec reads of a model's metadata."""
    defaults = {"name": "m", "version": "1", "inputs": inputs, "outputs": (spec("p", "FP32", 3),), "labels": None}
    metadata: Any = SimpleNamespace(**{**defaults, **changes})
    return metadata


X = spec("x", "FP32", 2, 2)
CODEC = OpenInferenceCodec(model(X))


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1, 2, 2], "datatype": "FP32", "data": [1, 2, 3, 4.5], **changes}


def parse(document: Any, codec: OpenInferenceCodec = CODEC) -> InferCall:
    return codec.parse(json.dumps(document).encode(), {})


def answer(call: InferCall, *rows: Any, start: int = 0, stop: int | None = None, name: str = "p") -> dict[str, Any]:
    """The call's answer where it was `start` to `stop` of a batch with these outputs."""
    array = np.array(rows, dtype=np.float32)
    body = call.render(Rows(BatchOutputs({name: array}), start, len(rows) if stop is None else stop)).body
    return json.loads(body)


def test_flat_and_nested_data_mean_the_same() -> None:
    for data in ([1, 2, 3, 4.5], [[[1, 2], [3, 4.5]]]):
        array = parse({"inputs": [tensor(data=data)]}).inputs["x"]
        assert array.dtype == np.float32
        assert array.tolist() == [[[1, 2], [3, 4.5]]]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"datatype": "INT64"}, "expected datatype FP32, got INT64"),
        ({"datatype": None}, "expected datatype FP32, got None"),
        ({"shape": [1, 28, 28]}, r"expected shape \[-1, 2, 2\], got \[1, 28, 28\]"),
        ({"shape": [0, 2, 2]}, "expected shape"),
        ({"shape": [-1, 2, 2]}, "expected shape"),
        ({"shape": [True, 2, 2]}, "expected shape"),
        ({"shape": [1.0, 2, 2]}, "expected shape"),
        ({"shape": "122"}, "expected shape"),
        ({"shape": {"1": 2}}, "expected shape"),
        ({"shape": [1] * 100_000}, r"got \[1, 1, 1, 1, 1, 1, \.\.\.\]"),
        ({"shape": [2**62, 2, 2]}, "does not match data"),
        ({"shape": [2, 2, 2]}, r"shape \[2, 2, 2\] does not match data of shape \[4\]"),
        ({"data": [[1, 2], [3, 4]]}, r"does not match data of shape \[2, 2\]"),
        ({"data": [[[1, 2], [3]]]}, "differ in length"),
        ({"data": 5}, "does not match data"),
        ({"data": []}, "does not match data"),
        ({"data": None}, "does not match data"),
        ({"name": "picture"}, "unknown input picture; the model takes x"),
        ({"name": ["x"]}, "unknown input"),
        ({"name": "n" * 100_000}, "unknown input n{60};"),
        ({"data": ["0"] * 4}, "expected FP32, got a string"),
        ({"data": [1, 2, 3, [4]]}, "lists of different depths"),
        ({"data": [1, 2, 3, True]}, "expected FP32, got a boolean"),
        ({"data": [1, 2, 3, 1e39]}, "outside FP32"),
        ({"parameters": 3}, "parameters must be an object"),
        (
            {"parameters": {"binary_data_size": 16}},
            "needs the header Inference-Header-Content-Length",
        ),
    ],
)
def test_a_wrong_tensor_is_refused_with_expected_and_got(changes: Any, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        parse({"inputs": [tensor(**changes)]})


def test_data_that_is_missing_is_named() -> None:
    incomplete = tensor()
    del incomplete["data"]
    with pytest.raises(BadRequest, match="input x has no data"):
        parse({"inputs": [incomplete]})


@pytest.mark.parametrize("document", [[], {}, 5, None, {"inputs": {}}, {"inputs": [3]}, {"inputs": []}])
def test_another_document_is_refused(document: Any) -> None:
    with pytest.raises(BadRequest):
        parse(document)


@pytest.mark.parametrize("body", [b"", b"{", b'{"inputs": [{"data": [NaN]}]}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="no valid JSON"):
        CODEC.parse(body, {})


def test_an_input_given_twice_is_refused() -> None:
    with pytest.raises(BadRequest, match="given twice"):
        parse({"inputs": [tensor(), tensor()]})


TWO = OpenInferenceCodec(model(spec("a", "INT8"), spec("b", "BOOL", 1)))


def test_several_inputs_come_in_the_models_order() -> None:
    b = {"name": "b", "shape": [2, 1], "datatype": "BOOL", "data": [True, False]}
    a = {"name": "a", "shape": [2], "datatype": "INT8", "data": [1, -2]}
    inputs = parse({"inputs": [b, a]}, TWO).inputs
    assert [(name, array.tolist()) for name, array in inputs.items()] == [("a", [1, -2]), ("b", [[True], [False]])]


def test_inputs_of_different_batch_sizes_are_refused() -> None:
    b = {"name": "b", "shape": [1, 1], "datatype": "BOOL", "data": [True]}
    a = {"name": "a", "shape": [2], "datatype": "INT8", "data": [1, -2]}
    with pytest.raises(BadRequest, match="same number of examples"):
        parse({"inputs": [b, a]}, TWO)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(BadRequest, match="input b is missing"):
        parse({"inputs": [{"name": "a", "shape": [2], "datatype": "INT8", "data": [1, -2]}]}, TWO)


@pytest.mark.parametrize(
    ("outputs", "part"),
    [
        ([{"name": "logits"}], "unknown output logits; the model gives p"),
        ([{"name": 1}], "name must be a string"),
        ([{"name": "p"}, {"name": "p"}], "asked for twice"),
        ([{"name": "p", "parameters": {"binary_data": 1}}], "binary_data must be true or false"),
        ([{"name": "p", "parameters": {"classification": True}}], "classification must be a whole number"),
        ([{"name": "p", "parameters": {"classification": -1}}], "classification must be a whole number"),
        ({"name": "p"}, "outputs must be a list"),
        (["p"], "an output must be an object"),
    ],
)
def test_a_wrong_output_is_refused(outputs: Any, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        parse({"inputs": [tensor()], "outputs": outputs})


def test_unknown_parameters_of_any_kind_are_ignored() -> None:
    document = {"inputs": [tensor(parameters={"a": 1})], "parameters": {"b": True}, "c": None, "outputs": []}
    assert parse(document).inputs["x"].shape == (1, 2, 2)


def test_the_answer_echoes_the_id_and_is_flat() -> None:
    call = parse({"inputs": [tensor()], "id": '4"2', "outputs": [{"name": "p"}]})
    assert answer(call, [1, 2, 0.1]) == {
        "model_name": "m",
        "model_version": "1",
        "id": '4"2',
        "outputs": [{"name": "p", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 0.1]}],
    }


def test_an_id_that_is_no_string_is_refused() -> None:
    with pytest.raises(BadRequest, match="id must be a string, got 7"):
        parse({"inputs": [tensor()], "id": 7})


def test_without_an_id_the_answer_has_none() -> None:
    assert "id" not in answer(parse({"inputs": [tensor()]}), [1, 2, 3])


def test_each_request_of_a_batch_gets_its_own_rows() -> None:
    call = parse({"inputs": [tensor()]})
    rows = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert answer(call, *rows, start=1, stop=2)["outputs"][0]["data"] == [4, 5, 6]
    two = answer(call, *rows, start=1, stop=3)["outputs"][0]
    assert two["shape"] == [2, 3]
    assert two["data"] == [4, 5, 6, 7, 8, 9]


def test_rows_of_a_large_batch_are_written_alone() -> None:
    rows = np.arange(30_000).reshape(3, 10_000)
    assert answer(parse({"inputs": [tensor()]}), *rows, start=1, stop=2)["outputs"][0]["data"] == rows[1].tolist()


def test_outputs_of_several_axes_are_flat_and_keep_their_shape() -> None:
    output = answer(parse({"inputs": [tensor()]}), [[1, 2], [3, 4]], [[5, 6], [7, 8]], start=1, stop=2)["outputs"][0]
    assert output == {"name": "p", "datatype": "FP32", "shape": [1, 2, 2], "data": [5, 6, 7, 8]}


def test_an_output_without_numbers_is_an_empty_list() -> None:
    output = answer(parse({"inputs": [tensor()]}), [], [], start=1, stop=2)["outputs"][0]
    assert output["shape"] == [1, 0]
    assert output["data"] == []


def test_nan_and_infinity_are_null_in_a_json_answer() -> None:
    call = parse({"inputs": [tensor()]})
    for rows in ([[float("nan"), float("inf"), 1]], [[float("nan"), float("inf"), 1]] * 2):
        assert answer(call, *rows, stop=1)["outputs"][0]["data"] == [None, None, 1]


@pytest.mark.parametrize("datatype", list(Datatype))
def test_every_datatype_comes_in_and_goes_out_as_json(datatype: Datatype) -> None:
    values: list[Any] = {Datatype.BYTES: ["ä", ""], Datatype.BOOL: [True, False]}.get(datatype, [1, 0])
    codec = OpenInferenceCodec(model(spec("x", datatype, 2), outputs=(spec("p", datatype, 2),)))
    call = parse({"inputs": [{"name": "x", "shape": [1, 2], "datatype": datatype, "data": values}]}, codec)
    assert call.inputs["x"].dtype == datatype.dtype
    for batch, start in ((call.inputs["x"], 0), (np.repeat(call.inputs["x"], 3, axis=0), 1)):
        body = call.render(Rows(BatchOutputs({"p": batch}), start, start + 1)).body
        assert json.loads(body)["outputs"] == [{"name": "p", "datatype": datatype, "shape": [1, 2], "data": values}]


def test_the_likeliest_classes_come_with_their_labels() -> None:
    codec = OpenInferenceCodec(model(X, labels=("apple", "pear", "plum")))
    document = {"inputs": [tensor()], "outputs": [{"name": "p", "parameters": {"classification": 2}}]}
    output = answer(parse(document, codec), [0, 0, 0], [1.5, 0.5, 7])["outputs"][0]
    assert output["datatype"] == "BYTES"
    assert output["shape"] == [2, 2]
    assert output["data"] == ["0:0:apple", "0:1:pear", "7:2:plum", "1.5:0:apple"]


def test_more_classes_than_there_are_give_all_of_them() -> None:
    document = {"inputs": [tensor()], "outputs": [{"name": "p", "parameters": {"classification": 10**15}}]}
    assert answer(parse(document), [0, 2, 1])["outputs"][0]["data"] == ["2:1", "1:2", "0:0"]


def test_strings_have_no_likeliest_class() -> None:
    codec = OpenInferenceCodec(model(X, outputs=(spec("p", "BYTES", 3),)))
    with pytest.raises(BadRequest, match="none of its values is the highest"):
        parse({"inputs": [tensor()], "outputs": [{"name": "p", "parameters": {"classification": 1}}]}, codec)


def test_null_is_nan_for_a_model_that_takes_it() -> None:
    x = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 2), allow_nan=True)
    document = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [None, 1]}]}
    np.testing.assert_array_equal(parse(document, OpenInferenceCodec(model(x))).inputs["x"], [[np.nan, 1]])


def test_short_bodies_and_long_binary_ones_are_quick() -> None:
    assert CODEC.is_quick(1000, {})
    assert not CODEC.is_quick(1_000_000, {})
    assert CODEC.is_quick(1_000_000, {b"inference-header-content-length": b"200"})
    assert not CODEC.is_quick(1_000_000, {b"inference-header-content-length": b"999999"})
    strings = OpenInferenceCodec(model(spec("x", "BYTES")))
    assert not strings.is_quick(1_000_000, {b"inference-header-content-length": b"200"})


def test_metadata_lists_tensors_versions_and_extensions() -> None:
    metadata = open_inference.model_metadata(model(X))
    assert metadata["versions"] == ["1"]
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": (-1, 2, 2)}]
    assert "binary_tensor_data" in open_inference.server_metadata()["extensions"]
