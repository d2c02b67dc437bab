import hashlib
from pathlib import Path
from typing import Any

import pytest

from inference_app.errors import BadRequest, ModelUnusable, TooLarge
from inference_app.preprocessing import texts
from inference_app.preprocessing.declarations import TextPreprocessing
from inference_app.preprocessing.texts import Tokenizer
from inference_app.repository import ModelVersion
from inference_app.tensors import Arrays, Datatype, TensorSpec
from tests.inference_app.preprocessing import words


def tokenizer(digits: ModelVersion, folder: Path, **changes: Any) -> Tokenizer:
    declared = TextPreprocessing.model_validate(words.declare(folder) | changes)
    names = [name for name in (declared.mask, declared.type_ids, declared.ids) if name is not None]
    inputs = tuple(TensorSpec(name=name, datatype=Datatype.INT64, shape=(-1, -1)) for name in names)
    return Tokenizer(ModelVersion(folder, digits.metadata.model_copy(update={"inputs": inputs})), declared)


def lists(arrays: Arrays) -> dict[str, list[Any]]:
    return {name: array.tolist() for name, array in arrays.items()}


def test_texts_are_as_long_as_the_longest_of_the_request(digits: ModelVersion, tmp_path: Path) -> None:
    arrays = tokenizer(digits, tmp_path, type_ids="types").encode(["good", "bad film"])
    assert lists(arrays) == {
        "attention_mask": [[1, 1, 1, 0], [1, 1, 1, 1]],
        "types": [[0, 0, 0, 0], [0, 0, 0, 0]],
        "input_ids": [[2, 4, 3, 0], [2, 5, 6, 3]],
    }


def test_texts_are_of_one_length_where_declared(digits: ModelVersion, tmp_path: Path) -> None:
    arrays = tokenizer(digits, tmp_path, padding="fixed", mask=None).encode(["good strange"])
    assert lists(arrays) == {"input_ids": [[2, 4, 1, 3, 0, 0]]}


def test_a_long_text_is_cut_with_its_end_token_in_place(digits: ModelVersion, tmp_path: Path) -> None:
    arrays = tokenizer(digits, tmp_path).encode(["good " * 50])
    assert arrays["input_ids"].tolist() == [[2, 4, 4, 4, 4, 3]]


def test_a_long_text_is_refused_where_none_may_be_cut(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="at most 6 tokens"):
        tokenizer(digits, tmp_path, truncation=False).encode(["good " * 50])


def test_plain_texts_are_utf_8(digits: ModelVersion, tmp_path: Path) -> None:
    made = tokenizer(digits, tmp_path)
    assert made.read([b"good", b"bad"])["input_ids"].tolist() == [[2, 4, 3], [2, 5, 3]]
    with pytest.raises(BadRequest, match="UTF-8"):
        made.read([b"\xff"])


@pytest.mark.parametrize("value", ["good", ["good"]])
def test_json_may_be_one_text_or_a_list(digits: ModelVersion, tmp_path: Path, value: Any) -> None:
    arrays = tokenizer(digits, tmp_path).from_value_or(lambda _: {})(value)
    assert arrays["input_ids"].tolist() == [[2, 4, 3]]


@pytest.mark.parametrize("value", [1, [], [1], ["good", 1], [["good"]], None, True])
def test_other_json_is_no_text(digits: ModelVersion, tmp_path: Path, value: Any) -> None:
    with pytest.raises(BadRequest, match="a text or a list of texts"):
        tokenizer(digits, tmp_path).from_value_or(lambda _: {})(value)


def test_the_characters_of_a_request_are_bounded(
    digits: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MAX_CHARACTERS", 7)
    with pytest.raises(TooLarge, match="at most 7 characters, got 8"):
        tokenizer(digits, tmp_path).encode(["good", "film"])


def test_the_texts_of_a_request_are_bounded(
    digits: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MAX_TOKENS", 12)
    with pytest.raises(TooLarge, match="at most 2 texts, got 3"):
        tokenizer(digits, tmp_path).encode([""] * 3)


@pytest.mark.parametrize("padding", ["fixed", "longest"])
def test_a_text_of_just_the_allowed_length_is_taken(digits: ModelVersion, tmp_path: Path, padding: str) -> None:
    arrays = tokenizer(digits, tmp_path, truncation=False, padding=padding).encode(["good bad film good"])
    assert arrays["input_ids"].tolist() == [[2, 4, 5, 6, 4, 3]]


def test_an_empty_text_is_a_text(digits: ModelVersion, tmp_path: Path) -> None:
    assert tokenizer(digits, tmp_path).encode([""])["input_ids"].tolist() == [[2, 3]]


def test_another_tokenizer_file_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="SHA-256"):
        tokenizer(digits, tmp_path, tokenizer_sha256="0" * 64)


def test_a_missing_tokenizer_file_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"vocabulary.json cannot be read"):
        tokenizer(digits, tmp_path, tokenizer="vocabulary.json")


def test_a_file_that_is_no_tokenizer_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    with pytest.raises(ModelUnusable, match="is no tokenizer"):
        tokenizer(digits, tmp_path, tokenizer="other.json", tokenizer_sha256=digest)


def test_a_padding_token_that_is_not_there_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="has no token <pad>"):
        tokenizer(digits, tmp_path, pad_token="<pad>")
