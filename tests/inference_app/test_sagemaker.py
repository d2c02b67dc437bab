import shutil
from pathlib import Path

import pytest

from inference_app import models, sagemaker, settings
from inference_app.errors import ConfigurationError
from inference_app.repository import ModelVersion


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty folder for model data."""
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


def served(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> list[tuple[str, str]]:
    """Name and version of what is served in this environment."""
    for name, value in {**given, **sagemaker.environment(given)}.items():
        monkeypatch.setenv(name, value)
    return [(version.metadata.name, version.metadata.version) for version in models.find(settings.load())]


def test_a_versions_own_files_are_served(data: Path, digits: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(digits.directory, data, dirs_exist_ok=True)
    assert served(monkeypatch, {"SM_MODEL_DIR": str(data)}) == [("digits", "1")]


def test_a_models_active_version_is_served(data: Path, digits: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(digits.directory.parent, data, dirs_exist_ok=True)
    assert served(monkeypatch, {"SM_MODEL_DIR": str(data)}) == [("digits", "1")]


def test_a_repository_of_one_model_is_served(own_repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch, {"SM_MODEL_DIR": str(own_repository)}) == [("digits", "1")]


def test_one_of_several_models_is_served_by_name(own_repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(own_repository / "digits", own_repository / "other")
    given = {"SM_MODEL_DIR": str(own_repository)}
    with pytest.raises(ConfigurationError, match="MODEL_NAME name one of several: digits, other"):
        sagemaker.environment(given)
    assert served(monkeypatch, {**given, "MODEL_NAME": "digits"}) == [("digits", "1")]


def test_without_model_data_the_images_own_model_is_served(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for directory in (data, data / "absent"):
        assert served(monkeypatch, {"SM_MODEL_DIR": str(directory)}) == [("digits", "1")]


def test_model_data_that_is_no_model_is_refused(data: Path) -> None:
    (data / "model.pkl").touch()
    with pytest.raises(ConfigurationError, match="must hold one model, or MODEL_NAME name one of several: none"):
        sagemaker.environment({"SM_MODEL_DIR": str(data)})


def test_a_multi_model_endpoint_starts_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch, {"SAGEMAKER_MULTI_MODEL": "true"}) == []


def test_sagemakers_port_wins_over_the_images() -> None:
    given = {"PORT": "8080", "SAGEMAKER_BIND_TO_PORT": "9123"}
    assert sagemaker.environment(given)["PORT"] == "9123"
    assert "PORT" not in sagemaker.environment({"PORT": "8080"})


def test_bodies_may_be_as_large_as_sagemaker_sends_them_unless_a_setting_says_otherwise() -> None:
    assert int(sagemaker.environment({})["MAX_BODY_BYTES"]) >= 6 * 1024 * 1024
    assert "MAX_BODY_BYTES" not in sagemaker.environment({"MAX_BODY_BYTES": "1000"})


def test_the_one_model_is_found_at_every_depth(digits: ModelVersion) -> None:
    directories = [digits.directory, digits.directory.parent, digits.directory.parent.parent]
    assert [sagemaker.locate(directory) for directory in directories] == [digits] * 3


def test_model_data_that_others_may_not_read_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ConfigurationError, match="cannot be read by user"):
        sagemaker.environment({"SM_MODEL_DIR": str(data)})
