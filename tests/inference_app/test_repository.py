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
