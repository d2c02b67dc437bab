import json
import tomllib
from pathlib import Path

import pytest

import inference_app
from inference_app import demo


@pytest.mark.slow
def test_the_demo_shows_every_sample_and_what_concurrency_did(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "REQUESTS", 64)
    code = demo.main()
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert shown.count("samples/") == 12
    for part in (
        "listening on http://",
        "ready: digits version 1",
        "requests/s",
        "batch size",
        "exit code 0",
        "0 wrong",
    ):
        assert part in shown


@pytest.mark.slow
def test_a_wrong_answer_is_shown_and_fails_the_demo(
    own_repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_repository / "digits" / "1" / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata["samples"][0]["label"] = "other"
    path.write_text(json.dumps(metadata))
    monkeypatch.setenv("MODEL_REPOSITORY", str(own_repository))
    monkeypatch.setattr(demo, "REQUESTS", 12)
    assert demo.main() == 1
    assert capsys.readouterr().out.count("WRONG") == 1


@pytest.mark.slow
def test_a_server_that_is_never_ready_fails_the_demo_with_its_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTION_PROVIDER", "CUDAExecutionProvider")
    assert demo.main() == 1
    assert "CUDAExecutionProvider was asked for" in capsys.readouterr().err


def test_a_missing_model_is_exit_code_2(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_NAME", "cats")
    assert demo.main() == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_package_and_the_project_have_one_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert inference_app.__version__ == project["project"]["version"]
