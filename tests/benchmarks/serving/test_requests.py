import base64
import json
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.serving import requests
from benchmarks.serving.requests import HEADER_LENGTH, Request
from benchmarks.serving.sample import Sample, WrongAnswer

RIGHT, WRONG = [0.25, 0.75], [0.75, 0.25]


def _with_row(row: list[float]) -> dict[str, tuple[Callable[[Sample], Request], bytes]]:
    output = {"name": "probabilities", "shape": [1, 2], "datatype": "FP32", "data": row}
    return {
        "rows": (requests.rows("/"), json.dumps({"outputs": [row]}).encode()),
        "arrays": (requests.arrays("/"), json.dumps([row]).encode()),
        "instances": (requests.instances("/{model}"), json.dumps({"predictions": [row]}).encode()),
        "oip": (requests.oip("/{model}"), json.dumps({"outputs": [output]}).encode()),
        "base64": (requests.oip_base64("/{model}", image=False), json.dumps({"outputs": [output]}).encode()),
        "numbers": (requests.numbers("/"), np.array(row, np.float32).tobytes()),
        "form": (requests.form("/", "file", image=False), json.dumps({"outputs": [row]}).encode()),
    }


@pytest.mark.parametrize("name", list(_with_row(RIGHT)))
def test_the_model_s_output_is_accepted_and_another_is_not(name: str, example: Sample) -> None:
    dialect, right = _with_row(RIGHT)[name]
    _, wrong = _with_row(WRONG)[name]
    dialect(example).check(right, {})
    with pytest.raises(WrongAnswer, match="differs by"):
        dialect(example).check(wrong, {})


def test_an_output_of_another_length_or_not_a_number_is_wrong(example: Sample) -> None:
    with pytest.raises(WrongAnswer, match="expected 2 numbers, got 1"):
        example.check_row([0.25])
    with pytest.raises(WrongAnswer, match="differs by nan"):
        example.check_row([float("nan"), 0.75])


def test_a_label_is_checked_wherever_it_stands(example: Sample) -> None:
    request = requests.jpeg("/")(example)
    request.check(b'{"label": "second"}', {})
    request.check(b'{"predictions": [{"label": "second"}]}', {})
    for wrong in (b'{"label": "first"}', b'{"predictions": []}'):
        with pytest.raises(WrongAnswer, match="label"):
            request.check(wrong, {})


def test_predictions_are_checked_by_their_label(example: Sample) -> None:
    request = requests.predictions("/predict")(example)
    assert json.loads(request.body) == {"inputs": [[1.0, 2.0]]}
    request.check(b'{"predictions": [{"label": "second"}]}', {})
    with pytest.raises(WrongAnswer):
        request.check(b'{"predictions": [{"label": "first"}]}', {})


def test_binary_tensors_follow_a_header_of_the_length_that_is_sent(example: Sample) -> None:
    request = requests.oip_binary("/v2/models/{model}/infer")(example)
    head = json.loads(request.body[: int(request.headers[HEADER_LENGTH])])
    tensor = request.body[int(request.headers[HEADER_LENGTH]) :]
    assert request.path == "/v2/models/tiny/infer"
    assert head["inputs"][0]["parameters"]["binary_data_size"] == len(tensor) == 8
    assert np.frombuffer(tensor, np.float32).tolist() == [1.0, 2.0]


def test_a_binary_answer_is_read_where_its_header_says_in_any_case(example: Sample) -> None:
    head = b'{"outputs": [{"name": "probabilities", "parameters": {"binary_data_size": 8}}]}'
    request = requests.oip_binary("/")(example)
    request.check(head + np.array(RIGHT, np.float32).tobytes(), {HEADER_LENGTH.lower(): str(len(head))})
    with pytest.raises(WrongAnswer):
        request.check(head + np.array(WRONG, np.float32).tobytes(), {HEADER_LENGTH: str(len(head))})


def test_a_jpeg_travels_as_bytes_in_base64_as_a_tensor_and_in_a_form(example: Sample) -> None:
    encoded = json.loads(requests.oip_base64("/", image=True)(example).body)["inputs"][0]["data"][0]
    assert base64.b64decode(encoded) == example.jpeg
    assert requests.oip_jpeg("/")(example).body.endswith(example.jpeg or b"missing")
    form = requests.form("/", "file", image=True)(example)
    assert form.body.count(b"\xff\xd8jpeg\r\n--benchmark--\r\n") == 1
    assert form.content_type == "multipart/form-data; boundary=benchmark"
