import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest, NotAcceptable, UnsupportedMediaType
from inference_app.outputs import BatchOutputs, Rows
from inference_app.preprocessing.declarations import Column, FeaturePreprocessing
from inference_app.protocols.call import Answer
from inference_app.protocols.predict import PredictCodec
from inference_app.protocols.sagemaker import CSV, NPY, InvocationsCodec, accepted
from inference_app.repository import ModelVersion
from inference_app.tensors import Arrays, Datatype, TensorSpec

ALL = (b"application/json", CSV, NPY)


def invocations_codec(version: ModelVersion) -> InvocationsCodec:
    return InvocationsCodec(version, PredictCodec(version))


def changed(version: ModelVersion, **fields: Any) -> ModelVersion:
    """A version whose metadata has other fields."""
    return ModelVersion(version.directory, version.metadata.model_copy(update=fields))


def saved(array: Any) -> bytes:
    """What numpy.save writes."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.fixture
def codec(digits: ModelVersion) -> InvocationsCodec:
    return invocations_codec(digits)


def parse(codec: InvocationsCodec, body: bytes, content_type: bytes) -> Arrays:
    return codec.parse(body, {b"content-type": content_type}).inputs


def answer(codec: InvocationsCodec, image: Any, headers: dict[bytes, bytes], examples: int = 1) -> Answer:
    """The answer to zeros with a seven in front, out of a batch that others share."""
    scores = np.zeros((examples + 2, 10), np.float32)
    scores[1:, 7] = 0.75
    rows = Rows(BatchOutputs({"probabilities": scores}), 1, 1 + examples)
    return codec.parse(json.dumps([image] * examples).encode(), headers).render(rows)


def test_json_csv_and_npy_say_the_same(codec: InvocationsCodec, example: list[Any]) -> None:
    image = np.array(example, np.float32)
    row = ",".join(map(str, image.ravel().tolist())).encode()
    bodies = {
        b"application/json": json.dumps({"inputs": example}).encode(),
        b"application/json; charset=utf-8": json.dumps({"instances": [example]}).encode(),
        b"text/csv": row,
        b"Text/CSV; header=absent": row,
        NPY: saved(image[np.newaxis]),
        b" application/x-npy ": saved(image.astype(np.float64)),
    }
    for content_type, body in bodies.items():
        inputs = parse(codec, body, content_type)
        assert inputs["image"].dtype == np.float32
        assert inputs["image"].tolist() == image[np.newaxis].tolist()


def test_without_a_content_type_the_body_is_json(codec: InvocationsCodec, example: list[Any]) -> None:
    assert codec.parse(json.dumps(example).encode(), {}).inputs["image"].shape == (1, 8, 8, 1)


def test_images_are_taken_where_predict_takes_them(codec: InvocationsCodec, digits: ModelVersion) -> None:
    body = (digits.directory / digits.metadata.samples[0].file).read_bytes()
    assert parse(codec, body, b"image/png")["image"].shape == (1, 8, 8, 1)


@pytest.mark.parametrize(
    ("body", "content_type", "error", "part"),
    [
        (b'{"instances": [1], "signature_name": "x"}', b"application/json", BadRequest, 'beside "instances"'),
        (b'{"instances": [1]', b"application/json", BadRequest, "no valid JSON"),
        (b"1,2", CSV, BadRequest, "input image: expected 64 numbers in each row, got 2"),
        (saved(np.zeros((1, 64), np.float32)), NPY, BadRequest, r"input image: expected shape \[-1, 8, 8, 1\]"),
        (b"", b"application/octet-stream", UnsupportedMediaType, "takes text/csv and application/x-npy too"),
        (b"", b"application/x-npz", UnsupportedMediaType, "application/json"),
    ],
)
def test_other_bodies_are_refused_with_the_reason(
    codec: InvocationsCodec, body: bytes, content_type: bytes, error: type[Exception], part: str
) -> None:
    with pytest.raises(error, match=part):
        parse(codec, body, content_type)


def test_a_model_of_several_inputs_takes_json_only(digits: ModelVersion) -> None:
    specs = tuple(TensorSpec(name=name, datatype=Datatype.FP32, shape=(-1,)) for name in "ab")
    codec = invocations_codec(changed(digits, inputs=specs, preprocessing=None))
    assert parse(codec, b'{"instances": {"a": [1], "b": [2]}}', b"application/json")["b"].tolist() == [2]
    with pytest.raises(UnsupportedMediaType, match="several inputs; send application/json"):
        parse(codec, b"1,2", CSV)


def test_declared_columns_are_scaled_in_every_form(digits: ModelVersion) -> None:
    columns = (Column(name="a", scale=2), Column(name="b", offset=1))
    spec = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 2))
    preprocessing = FeaturePreprocessing(kind="features", columns=columns)
    codec = invocations_codec(changed(digits, inputs=(spec,), preprocessing=preprocessing))
    bodies = {b"application/json": b"[[1, 2]]", CSV: b"1,2", NPY: saved([[1, 2]])}
    scaled = [parse(codec, body, content_type)["x"].tolist() for content_type, body in bodies.items()]
    assert scaled == [[[2, 3]]] * 3


def test_json_is_answered_as_predict_answers(codec: InvocationsCodec, example: list[Any]) -> None:
    given = answer(codec, example, {})
    assert given.content_type == b"application/json"
    assert json.loads(given.body)["predictions"][0]["label"] == "7"


def test_csv_and_npy_answers_hold_the_requests_own_rows(codec: InvocationsCodec, example: list[Any]) -> None:
    row = b"0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.75,0.0,0.0\n"
    assert answer(codec, example, {b"accept": CSV}, examples=2)[:2] == (row * 2, CSV)
    loaded = np.load(io.BytesIO(answer(codec, example, {b"accept": NPY}, examples=2).body))
    assert (loaded.shape, loaded[1, 7]) == ((2, 10), 0.75)


def test_an_answer_without_a_place_for_the_version_names_it_in_a_header(
    digits: ModelVersion, codec: InvocationsCodec, example: list[Any]
) -> None:
    metadata = digits.metadata.model_copy(update={"version": "1\r\n: é"})
    strange = invocations_codec(replace(digits, metadata=metadata))
    for accept in (CSV, NPY):
        assert answer(codec, example, {b"accept": accept}).headers == ((b"model-version", b"1"),)
        assert answer(strange, example, {b"accept": accept}).headers == ((b"model-version", b"1%0D%0A%3A%20%C3%A9"),)


def test_a_model_of_several_outputs_answers_in_json_only(digits: ModelVersion) -> None:
    outputs = (*digits.metadata.outputs, TensorSpec(name="more", datatype=Datatype.FP32, shape=(-1,)))
    codec = invocations_codec(changed(digits, outputs=outputs))
    with pytest.raises(NotAcceptable, match="Accept must allow one of application/json, got text/csv"):
        codec.parse(b"[]", {b"accept": CSV})


def test_a_clients_attributes_come_back_with_every_kind_of_answer(codec: InvocationsCodec, example: list[Any]) -> None:
    name = b"x-amzn-sagemaker-custom-attributes"
    for accept in ALL:
        assert (name, b"trace=1") in answer(codec, example, {b"accept": accept, name: b"trace=1"}).headers


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"", b"application/json"),
        (b"*/*", b"application/json"),
        (b"application/json", b"application/json"),
        (b"application/*", b"application/json"),
        (b"Text/CSV", CSV),
        (b"text/*;q=0.5", CSV),
        (b"text/csv, */*", CSV),
        (b"application/json;q=0.1, text/csv;q=0.9", CSV),
        (b"image/png, application/x-npy", NPY),
        (b"application/json; q=0, */*;q=0.1", b"application/json"),
    ],
)
def test_the_answer_is_what_the_client_likes_best(header: bytes, wanted: bytes) -> None:
    assert accepted(header, ALL) == wanted


@pytest.mark.parametrize("header", [b"image/png", b"text/html, image/*", b"*/*;q=0", b"*/*;q=much", b",", b";"])
def test_an_accept_header_that_allows_no_answer_is_refused(header: bytes) -> None:
    with pytest.raises(NotAcceptable):
        accepted(header, ALL)


def test_only_small_bodies_are_parsed_on_the_event_loop(codec: InvocationsCodec) -> None:
    quick = {kind: codec.is_quick(1000, {b"content-type": kind}) for kind in (*ALL, b"image/png")}
    slow = {kind: codec.is_quick(10**6, {b"content-type": kind}) for kind in (*ALL, b"image/png")}
    assert list(quick.values()) == [True, True, True, False]
    assert not any(slow.values())
