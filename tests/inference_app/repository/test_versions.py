import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from inference_app import repository
from inference_app.errors import ConfigurationError
from inference_app.repository import ModelVersion


def edit_metadata(own_repository: Path, **changes: Any) -> None:
    path = own_repository / "digits" / "1" / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refusal(folder: Path, name: str = "digits", version: str | None = None) -> str:
    with pytest.raises(ConfigurationError) as raised:
        repository.find(folder, name, version)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_active_version_is_found(digits: ModelVersion) -> None:
    assert digits.metadata.name == "digits"
    assert digits.metadata.version == digits.directory.name


def test_a_pinned_version_wins_over_the_active_one(own_repository: Path) -> None:
    shutil.copytree(own_repository / "digits" / "1", own_repository / "digits" / "2")
    edit_metadata(own_repository, version="1")
    assert repository.find(own_repository, "digits", "2").directory.name == "2"


def test_a_missing_model_is_named_with_what_is_there(own_repository: Path) -> None:
    assert refusal(own_repository, "cats") == f"MODEL_NAME cats is not in {own_repository}, which holds digits"


def test_a_missing_version_is_named_with_what_is_there(own_repository: Path) -> None:
    assert refusal(own_repository, version="9").startswith("MODEL_VERSION 9 is not in")


def test_a_missing_repository_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refusal(tmp_path / "nowhere")


def test_a_missing_model_file_is_named(own_repository: Path) -> None:
    (own_repository / "digits" / "1" / "model.onnx").unlink()
    assert "model.onnx is missing" in refusal(own_repository)


def test_broken_metadata_is_refused_with_the_field(own_repository: Path) -> None:
    edit_metadata(own_repository, sha256="abc")
    assert "metadata.json: sha256: " in refusal(own_repository)


def test_labels_must_match_the_output(own_repository: Path) -> None:
    edit_metadata(own_repository, labels=["one", "two"])
    assert "2 labels need a first output of shape [-1, 2]" in refusal(own_repository)


def test_a_fixed_batch_is_refused(own_repository: Path) -> None:
    edit_metadata(own_repository, inputs=[{"name": "image", "datatype": "FP32", "shape": [1, 8, 8, 1]}])
    assert "the first dimension must be -1" in refusal(own_repository)


def test_preprocessing_must_match_the_input(own_repository: Path) -> None:
    image = {"kind": "image", "width": 9, "height": 8, "mode": "L", "scale": 1, "offset": 0}
    edit_metadata(own_repository, preprocessing=image)
    assert "preprocessing needs a first input" in refusal(own_repository)


EMBEDDING = {"kind": "embedding", "pooling": "mean"}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"labels": None, "postprocessing": {"kind": "labels"}}, "postprocessing gives labels, none are declared"),
        ({"postprocessing": {"kind": "labels", "top_k": 0}}, "top_k"),
        ({"postprocessing": {"kind": "labels", "topk": 1}}, "topk"),
        (
            {"outputs": [{"name": "p", "datatype": "INT64", "shape": [-1, 10]}]},
            "labels need a first output of fractions",
        ),
        ({"postprocessing": EMBEDDING}, "pooling mean needs a first output of fractions with 3 dimensions"),
        (
            {
                "labels": None,
                "postprocessing": EMBEDDING,
                "outputs": [{"name": "p", "datatype": "FP32", "shape": [-1, -1, 2]}],
            },
            "pooling mean needs text preprocessing with a mask",
        ),
        ({"hook_sha256": "0" * 64}, "declared and left to preprocess.py"),
        ({"detector": {"sha256": "0" * 64, "output": "score"}}, "detector.threshold"),
    ],
)
def test_declarations_that_do_not_fit_are_refused(own_repository: Path, changes: dict[str, Any], part: str) -> None:
    edit_metadata(own_repository, **changes)
    assert part in refusal(own_repository)


DETECTOR = {"sha256": "0" * 64, "output": "score", "threshold": 1}
COMPANIONS = [
    ("preprocess.py", {"hook_sha256": "0" * 64, "preprocessing": None}, "hook_sha256"),
    ("detector.onnx", {"detector": DETECTOR}, "detector"),
]


@pytest.mark.parametrize(("file", "declaration", "field"), COMPANIONS)
def test_files_that_act_on_answers_must_be_declared(
    own_repository: Path, file: str, declaration: dict[str, Any], field: str
) -> None:
    path = own_repository / "digits" / "1" / file
    path.touch()
    assert f"{path} is there, but metadata.json has no {field}" in refusal(own_repository)
    edit_metadata(own_repository, **declaration)
    assert repository.find(own_repository, "digits").directory == path.parent


@pytest.mark.parametrize(("file", "declaration", "field"), COMPANIONS)
def test_files_that_are_declared_must_be_there(
    own_repository: Path, file: str, declaration: dict[str, Any], field: str
) -> None:
    edit_metadata(own_repository, **declaration)
    assert f"{file} is missing; metadata.json declares it as {field}" in refusal(own_repository)


def test_a_version_can_be_read_from_its_own_folder(own_repository: Path) -> None:
    assert repository.read(own_repository / "digits" / "1").metadata.name == "digits"


def test_the_models_of_a_repository_are_listed(own_repository: Path) -> None:
    (own_repository / "notes").mkdir()
    shutil.copytree(own_repository / "digits", own_repository / "cats")
    assert repository.names(own_repository) == ["cats", "digits"]


@pytest.mark.parametrize("name", ["", ".", "..", "../repository/digits", "digits/1", "/etc", "digits\0"])
def test_a_name_is_never_a_path(own_repository: Path, name: str) -> None:
    assert "is not in" in refusal(own_repository, name)


@pytest.mark.parametrize("version", [".", "..", "../1", "/etc"])
def test_a_version_is_never_a_path(own_repository: Path, version: str) -> None:
    assert "is not in" in refusal(own_repository, version=version)
