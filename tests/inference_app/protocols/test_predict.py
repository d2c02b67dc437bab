import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from inference_app.errors import BadRequest, InferenceError, UnsupportedMediaType
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols.predict import QUICK_BYTES, PredictCodec
from inference_app.repository import Metadata, ModelVersion
from inference_app.tensors import Arrays, Datatype, TensorSpec
from tests.inference_app.preprocessing import words

JSON = {b"content-type": b"application/json"}
HOOK = """
import numpy as np

def preprocess(body, content_type):
    return {"image": np.full((1, 8, 8, 1), len(body), dtype=np.float32)}
"""


@pytest.fixture
def codec(digits: ModelVersion) -> PredictCodec:
    return PredictCodec(digits)


@pytest.fixture
def samples(digits: ModelVersion) -> list[bytes]:
    """Two images of the shipped model."""
    return [(digits.directory / sample.file).read_bytes() for sample in digits.metadata.samples[:2]]


def parse(codec: PredictCodec, body: bytes, content_type: str | None = "application/json") -> Arrays:
    headers = {} if content_type is None else {b"content-type": content_type.encode("latin-1")}
    return codec.parse(body, headers).inputs


def form(*parts: tuple[str, bytes, str | None]) -> tuple[bytes, str]:
    """Body and content type of a form as an HTTP client writes it."""
    request = httpx.Request("POST", "http://test", files=[("file", part) for part in parts])
    return request.read(), request.headers["content-type"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON", None]
)
def test_json_is_read_however_it_is_announced(
    codec: PredictCodec, example: list[Any], content_type: str | None
) -> None:
    inputs = parse(codec, json.dumps({"inputs": [example, example]}).encode(), content_type)
    assert inputs["image"].shape == (2, 8, 8, 1)


def test_an_image_is_preprocessed(codec: PredictCodec, samples: list[bytes]) -> None:
    array = parse(codec, samples[0], "image/png")["image"]
    assert array.shape == (1, 8, 8, 1)
    assert 0 < array.max() <= 1


def test_a_form_of_images_is_a_batch_in_their_order(codec: PredictCodec, samples: list[bytes]) -> None:
    files = [("a.png", samples[0], "image/png"), ("b", samples[1], "application/octet-stream"), ("c", samples[0], None)]
    first, second = (parse(codec, sample, "image/png")["image"] for sample in samples)
    np.testing.assert_array_equal(parse(codec, *form(*files))["image"], np.concatenate([first, second, first]))


def test_a_form_of_json_is_a_batch(codec: PredictCodec, example: list[Any]) -> None:
    one, two = json.dumps(example).encode(), json.dumps({"inputs": [example, example]}).encode()
    inputs = parse(codec, *form(("a", one, "application/json"), ("b", two, None)))
    assert inputs["image"].shape == (3, 8, 8, 1)


def test_a_form_that_mixes_kinds_is_refused(codec: PredictCodec, samples: list[bytes]) -> None:
    with pytest.raises(BadRequest, match="mixes"):
        parse(codec, *form(("a", samples[0], "image/png"), ("b", b"[1]", "application/json")))


def test_a_form_with_a_part_that_the_model_does_not_take_is_refused(codec: PredictCodec) -> None:
    with pytest.raises(UnsupportedMediaType, match="got audio/wav"):
        parse(codec, *form(("a", b"", "audio/wav")))


def test_parts_of_different_lengths_are_refused(digits: ModelVersion) -> None:
    inputs = (TensorSpec(name="a", datatype=Datatype.FP32, shape=(-1, -1)),)
    changes = {"inputs": inputs, "preprocessing": None}
    codec = PredictCodec(ModelVersion(digits.directory, digits.metadata.model_copy(update=changes)))
    with pytest.raises(BadRequest, match="different shapes"):
        parse(codec, *form(("a", b"[[1]]", "application/json"), ("b", b"[[1, 2]]", "application/json")))


@pytest.mark.parametrize("content_type", ["text/plain", "image/gif", "", "multipart/mixed", "\xff"])
def test_other_media_types_are_refused_with_those_that_work(codec: PredictCodec, content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json, image/png, image/jpeg, multipart/form-data, got"):
        parse(codec, b"", content_type)


def test_a_model_without_preprocessing_takes_no_images(digits: ModelVersion) -> None:
    codec = PredictCodec(ModelVersion(digits.directory, digits.metadata.model_copy(update={"preprocessing": None})))
    with pytest.raises(
        UnsupportedMediaType, match="must be one of application/json, multipart/form-data, got image/png"
    ):
        parse(codec, b"", "image/png")


@pytest.mark.parametrize(
    ("size", "content_type", "quick"),
    [
        (QUICK_BYTES, b"application/json", True),
        (QUICK_BYTES + 1, b"application/json", False),
        (100, b"application/json; charset=utf-8", True),
        (100, b"image/png", False),
        (100, b"multipart/form-data; boundary=x", False),
    ],
)
def test_only_a_little_json_is_quick(codec: PredictCodec, size: int, content_type: bytes, quick: bool) -> None:
    assert codec.is_quick(size, {b"content-type": content_type}) is quick


def test_the_answer_names_model_and_version(codec: PredictCodec, example: list[Any]) -> None:
    scores = np.zeros((2, 10), dtype=np.float32)
    scores[0, [7, 3, 1]] = [0.5, 0.25, 0.125]
    scores[1, 4] = 1
    call = codec.parse(json.dumps([example, example]).encode(), JSON)
    answer = call.render(Rows(BatchOutputs({"probabilities": scores}), 0, 2))
    assert answer.content_type == b"application/json"
    document = json.loads(answer.body)
    assert (document["model"], document["version"]) == ("digits", "1")
    assert [(item["label"], item["confidence"]) for item in document["predictions"]] == [("7", 0.5), ("4", 1.0)]
    assert document["predictions"][0]["top_k"][1] == {"label": "3", "confidence": 0.25}


def test_a_parsed_value_gives_the_same_inputs(codec: PredictCodec, example: list[Any]) -> None:
    from_bytes = parse(codec, json.dumps(example).encode())
    np.testing.assert_array_equal(codec.from_value(example).inputs["image"], from_bytes["image"])


@pytest.fixture
def hooked(digits: ModelVersion, tmp_path: Path) -> PredictCodec:
    """A codec whose model comes with a hook."""
    (tmp_path / "preprocess.py").write_text(HOOK)
    digest = hashlib.sha256(HOOK.encode()).hexdigest()
    changes = {"preprocessing": None, "hook_sha256": digest}
    return PredictCodec(ModelVersion(tmp_path, digits.metadata.model_copy(update=changes)))


@pytest.mark.parametrize("content_type", ["application/json", "audio/wav", None])
def test_a_hook_gets_every_body(hooked: PredictCodec, content_type: str | None) -> None:
    assert parse(hooked, b"12345", content_type)["image"][0, 0, 0, 0] == 5
    assert not hooked.is_quick(5, JSON)


def test_a_hook_gets_a_parsed_value_as_json(hooked: PredictCodec) -> None:
    assert hooked.from_value([1, 2]).inputs["image"][0, 0, 0, 0] == len("[1,2]")


@pytest.fixture
def tokenising(digits: ModelVersion, tmp_path: Path) -> PredictCodec:
    """A codec whose model reads texts."""
    tokens = [{"name": name, "datatype": "INT32", "shape": [-1, -1]} for name in ("input_ids", "attention_mask")]
    changes = {"preprocessing": words.declare(tmp_path), "inputs": tokens}
    content = digits.metadata.model_dump(mode="json") | changes
    return PredictCodec(ModelVersion(tmp_path, Metadata.model_validate(content)))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'["good", "bad film"]', "application/json"),
        (b'{"inputs": ["good", "bad film"]}', "application/json"),
        form(("a", b"good", "text/plain"), ("b", b"bad film", None)),
        (
            b'{"inputs": {"input_ids": [[2,4,3,0],[2,5,6,3]], "attention_mask": [[1,1,1,0],[1,1,1,1]]}}',
            "application/json",
        ),
    ],
    ids=["bare", "wrapped", "form", "tokens"],
)
def test_texts_are_tokenised_and_tokens_taken_as_they_are(
    tokenising: PredictCodec, body: bytes, content_type: str
) -> None:
    inputs = parse(tokenising, body, content_type)
    assert inputs["input_ids"].tolist() == [[2, 4, 3, 0], [2, 5, 6, 3]]
    assert inputs["attention_mask"].dtype == np.int32
    assert not tokenising.is_quick(len(body), JSON)


def test_one_text_may_come_as_plain_text(tokenising: PredictCodec) -> None:
    assert parse(tokenising, b"good", "text/plain; charset=utf-8")["input_ids"].tolist() == [[2, 4, 3]]


def test_numbers_are_no_text(tokenising: PredictCodec) -> None:
    with pytest.raises(BadRequest, match="a text or a list of texts"):
        parse(tokenising, b"[[1, 2]]")


def test_json_texts_of_different_lengths_do_not_share_a_form(tokenising: PredictCodec) -> None:
    with pytest.raises(BadRequest, match="different shapes"):
        parse(tokenising, *form(("a", b'"good"', "application/json"), ("b", b'"bad film"', "application/json")))


HOSTILE = [
    b"",
    b"{" * 100_000,
    b'{"inputs":' * 100_000,
    b'{"inputs":{"image":{"image":1}}}',
    b"[[]," * 1000 + b"[]" + b"]" * 1000,
    b"[" + b"[]," * 300_000 + b"[]]",
    b"[" + b"[1,2]," * 100_000 + b'"x"]',
    b'["' + b"a" * 1_000_000 + b'"]',
    b'{"inputs":[' + b"1e38," * 50_000 + b"1e38]}",
    b'"\\ud800"',
    b"\x00",
    b"\xef\xbb\xbf[1]",
    b"9" * 100_000,
    b"[-]",
]


@pytest.mark.parametrize(
    "content_type", ["application/json", "image/png", "image/jpeg", "multipart/form-data; boundary=x"]
)
@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bodies_are_the_clients_fault(codec: PredictCodec, body: bytes, content_type: str) -> None:
    with pytest.raises(InferenceError) as raised:
        parse(codec, body, content_type)
    assert 400 <= raised.value.status < 500
    assert len(str(raised.value)) < 300
