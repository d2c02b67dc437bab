import errno
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from inference_app import repository
from inference_app.tune.__main__ import main

QUICK = ("--seconds", "0.5", "--max-batch-size", "2")


@pytest.fixture(autouse=True)
def environment(own_repository: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The repository to tune, and the interpreter as it was after it."""
    monkeypatch.setenv("MODEL_REPOSITORY", str(own_repository))
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def written(own_repository: Path) -> Path:
    return own_repository / "digits" / "1" / "tuning.json"


def test_the_best_settings_are_written_beside_the_model(
    own_repository: Path, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(QUICK) == 0
    tuning = repository.find(own_repository, "digits").tuning
    assert tuning is not None
    assert tuning.settings.max_batch_size in {1, 2}
    assert any(tuning.settings.model_dump().items() <= trial.model_dump().items() for trial in tuning.tried)
    output = capsys.readouterr().out
    assert output.startswith("Tuning digits version 1 on ")
    assert "round 2: " in output
    assert "<- chosen" in output
    assert output.endswith(f"Written: {written}\n")


def test_a_dry_run_writes_nothing_and_names_the_variables(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--dry-run"]) == 0
    assert not written.exists()
    assert "\nMAX_BATCH_SIZE=" in capsys.readouterr().out


def test_a_read_only_repository_gets_the_variables_to_set_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> Path:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(repository, "write", refuse)
    assert main(QUICK) == 1
    error = capsys.readouterr().err
    assert "cannot be written to: Read-only file system. Set these variables instead:\nMAX_BATCH_SIZE=" in error


def test_a_latency_limit_that_nothing_keeps_writes_nothing(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--latency-limit-ms", "0.0001"]) == 1
    assert not written.exists()
    assert "No setting keeps the P99 within 0.0001 ms, the lowest is " in capsys.readouterr().err


def test_a_latency_limit_is_kept_with_the_result(written: Path) -> None:
    assert main([*QUICK, "--latency-limit-ms", "60000"]) == 0
    assert json.loads(written.read_bytes())["latency_limit_ms"] == 60000


def test_variables_that_will_win_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MAX_BATCH_SIZE", "2")
    assert main(["--seconds", "0.5", "--dry-run"]) == 0
    assert "does not take it from here: MAX_BATCH_SIZE\n" in capsys.readouterr().out


def test_a_missing_model_is_a_configuration_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", "missing"]) == 2
    assert "missing is not in " in capsys.readouterr().err


def test_a_model_that_does_not_prove_itself_is_not_measured(
    own_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_repository / "digits" / "1" / "model.onnx").write_bytes(b"another")
    assert main(QUICK) == 1
    assert "has SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [("--seconds", "0"), ("--seconds", "nan"), ("--max-batch-size", "0"), ("--latency-limit-ms", "soon")]
)
def test_a_wrong_option_is_refused(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2
    assert f"above 0, got {arguments[1]}" in capsys.readouterr().err
