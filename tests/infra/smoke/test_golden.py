"""Models of every shape: what is sent for them, and how their answers are read."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from infra.smoke import golden, invocations, open_inference
from infra.smoke.errors import Failure, InputError
from infra.smoke.golden import Golden


def described(
    tmp_path: Path, inputs: dict[str, tuple[str, Any]], outputs: dict[str, tuple[str, Any]], **more: Any
) -> Golden:
    """A version in a repository, by the datatypes and golden values of its tensors."""
    version = tmp_path / "m" / "1"
    version.mkdir(parents=True)

    def specs(tensors: dict[str, tuple[str, Any]]) -> list[dict[str, str]]:
        return [{"name": name, "datatype": datatype} for name, (datatype, _) in tensors.items()]

    def values(tensors: dict[str, tuple[str, Any]]) -> dict[str, Any]:
        return {name: value for name, (_, value) in tensors.items()}

    declared = {"golden": {"file": "golden.json", "tolerance": 1e-3}, **more}
    metadata = {"inputs": specs(inputs), "outputs": specs(outputs), **declared}
    (version / "metadata.json").write_text(json.dumps(metadata))
    content = {"inputs": values(inputs), "outputs": values(outputs)}
    (version / "golden.json").write_text(json.dumps(content))
    return golden.read(tmp_path, "m", "1")


TWO = {"ids": ("INT64", [[1, 2]]), "mask": ("BOOL", [[True, False]])}
SCORE = {"score": ("FP32", [[0.5]])}


def test_each_datatype_is_sent_as_the_golden_file_has_it(tmp_path: Path) -> None:
    inputs = {**TWO, "text": ("BYTES", [["a", "b"]]), "x": ("FP32", [[None, 1.0]])}
    sent = json.loads(open_inference.request(described(tmp_path, inputs, SCORE)))

    data = {tensor["name"]: tensor["data"] for tensor in sent["inputs"]}
    assert json.dumps(data) == '{"ids": [[1, 2]], "mask": [[true, false]], "text": [["a", "b"]], "x": [[null, 1.0]]}'
    assert [tensor["shape"] for tensor in sent["inputs"]] == [[1, 2]] * 4


def test_invocations_of_several_inputs_are_an_object_by_name(tmp_path: Path) -> None:
    body, accept = invocations.invocation(described(tmp_path, TWO, SCORE), "asked")

    assert json.loads(body) == {"instances": {"ids": [[1, 2]], "mask": [[True, False]]}}
    assert accept == "text/csv"


@pytest.mark.parametrize("declared", [{"hook_sha256": "0"}, {"preprocessing": {"kind": "text"}}])
def test_invocations_that_take_no_tensors_are_not_asked(tmp_path: Path, declared: dict[str, Any]) -> None:
    with pytest.raises(Failure, match=r"asked: not asked, .*; ask it on a target that takes the Open Inference"):
        invocations.invocation(described(tmp_path, TWO, SCORE, **declared), "asked")


@pytest.mark.parametrize(
    ("outputs", "body"),
    [
        (SCORE, b"0.5\n"),
        (SCORE, b'{"predictions": [[0.5]]}'),
        (SCORE, b'{"predictions": [0.5]}'),
        (SCORE, b'{"version": "1", "predictions": [{"score": [0.5]}]}'),
        ({"box": ("FP32", [[[1.0, 2.0], [3.0, 4.0]]])}, b"1.0,2.0,3.0,4.0\n"),
        ({**SCORE, "label": ("BYTES", [["cat"]])}, b'{"predictions": [{"score": [0.5], "label": ["cat"]}]}'),
    ],
)
def test_every_form_of_an_answer_is_read(tmp_path: Path, outputs: dict[str, Any], body: bytes) -> None:
    wanted = described(tmp_path, TWO, outputs)

    assert wanted.difference(invocations.answer(body, wanted, "asked", 0.1).outputs) == 0


@pytest.mark.parametrize("body", [b"<html>", b"", b"{}", b'{"predictions": []}', b'{"predictions": [{"label": 1}]}'])
def test_what_is_no_answer_is_a_failure(tmp_path: Path, body: bytes) -> None:
    wanted = described(tmp_path, TWO, SCORE)
    with pytest.raises((Failure, golden.Mismatch)):
        wanted.difference(invocations.answer(body, wanted, "asked", 0.1).outputs)


def test_an_empty_cell_is_not_taken_for_a_number(tmp_path: Path) -> None:
    wanted = described(tmp_path, TWO, {"pair": ("FP32", [[0.5, 0.5]])})

    assert math.isnan(wanted.difference(invocations.answer(b"0.5,\n", wanted, "asked", 0.1).outputs))


def test_nan_in_a_later_output_is_not_lost(tmp_path: Path) -> None:
    wanted = described(tmp_path, TWO, {**SCORE, "other": ("FP32", [[0.5]])})
    answer = invocations.answer(b'{"predictions": [{"score": [0.5], "other": [null]}]}', wanted, "asked", 0.1)

    assert math.isnan(wanted.difference(answer.outputs))


def test_a_golden_file_that_lacks_an_input_is_one_line(tmp_path: Path) -> None:
    described(tmp_path, TWO, SCORE)
    (tmp_path / "m/1/golden.json").write_text('{"inputs": {}, "outputs": {}}')

    with pytest.raises(InputError, match="has no golden output that can be read: KeyError 'ids'"):
        golden.read(tmp_path, "m", "1")


def test_texts_are_equal_or_infinitely_apart(tmp_path: Path) -> None:
    wanted = described(tmp_path, TWO, {"label": ("BYTES", [["cat"]])})
    answers = [b'{"predictions": [{"label": ["cat"]}]}', b'{"predictions": [{"label": ["dog"]}]}']

    assert [wanted.difference(invocations.answer(body, wanted, "", 0).outputs) for body in answers] == [0, math.inf]
