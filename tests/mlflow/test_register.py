"""A version recorded once, whole or not at all, and the alias that follows."""

import base64
from pathlib import Path

import pytest

from inference_app.repository import ModelVersion
from inference_app.training.__main__ import main
from infra.versions import image
from tests.loopback import Request, Response
from tests.mlflow.conftest import Registered
from tests.mlflow.gate import gate
from tests.mlflow.server import REQUIREMENTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_server_is_of_the_version_that_stacks_run() -> None:
    version = image("mlflow").partition("@")[0].rpartition(":v")[2].removesuffix("-full")

    assert f"mlflow=={version} " in REQUIREMENTS.read_text()


def test_the_same_bytes_are_registered_once_and_the_alias_moves_to_other_ones(
    registered: Registered, version: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert registered.register(version) == 0
    assert "/1 is new" in capsys.readouterr().out
    assert registered.register(version) == 0
    assert "/1 stands" in capsys.readouterr().out
    assert registered.champion()["version"] == "1"

    (version / "golden.json").write_text((version / "golden.json").read_text() + " ")
    assert registered.register(version) == 0
    assert "/2 is new" in capsys.readouterr().out
    assert registered.champion()["version"] == "2"
    tags = {tag["key"]: tag["value"] for tag in registered.champion()["tags"]}
    assert tags["version"] == "1"
    assert len(tags["checksum"]) == 64


def test_a_run_has_what_the_training_wrote(registered: Registered, version: Path, run_folder: Path) -> None:
    assert registered.register(version, "--run", str(run_folder), "--experiment", "tests") == 0

    run = registered.run(registered.champion()["run_id"])
    assert run["info"]["status"] == "FINISHED"
    parameters = {each["key"]: each["value"] for each in run["data"]["params"]}
    assert parameters["epochs"] == "7"
    assert parameters["data_sha256"] == "d" * 64
    metrics = {each["key"]: each["value"] for each in run["data"]["metrics"]}
    assert metrics["held_out_accuracy"] == pytest.approx(0.9944, abs=1e-3)
    assert metrics["loss"] == 0.25
    history = registered.get("metrics/get-history", run_id=run["info"]["run_id"], metric_key="loss")
    assert [each["value"] for each in history["metrics"]] == [1.0, 0.5, 0.25]
    assert registered.files(run, "report") == ["report/confusion.png", "report/run.json"]
    assert "model/SHA256SUMS" in registered.files(run, "model")


def test_an_alias_stays_when_an_upload_fails(
    registered: Registered, version: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registered.register(version)
    (version / "golden.json").write_text((version / "golden.json").read_text() + " ")

    def judge(request: Request) -> Response | None:
        is_model = request.method == "PUT" and request.path.endswith("/model.onnx")
        return Response(status=503, body=b"no room") if is_model else None

    with gate(registered.url, judge) as behind:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", behind.url)
        assert main(["register", str(version)]) == 1

    error = capsys.readouterr().err
    assert "503 no room" in error
    assert error.endswith("is not registered\n")
    assert registered.champion()["version"] == "1"
    assert registered.runs()[0]["info"]["status"] == "FAILED"


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "right"}, "Bearer right"),
        (
            {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "right"},
            "Basic " + base64.b64encode(b"ann:right").decode(),
        ),
    ],
)
def test_a_login_by_mlflows_own_variables(
    registered: Registered,
    version: Path,
    login: dict[str, str],
    header: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judge(request: Request) -> Response | None:
        is_right = request.headers.get("authorization") == header
        return None if is_right else Response(status=401, body=b"who are you?")

    with gate(registered.url, judge) as guarded:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded.url)
        assert main(["register", str(version)]) == 1
        error = capsys.readouterr().err
        assert error.startswith(
            f"{guarded.url} must let this be done, got 401 who are you?; give MLFLOW_TRACKING_TOKEN"
        )
        for name, value in login.items():
            monkeypatch.setenv(name, value)
        assert main(["register", str(version)]) == 0


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("", "MLFLOW_TRACKING_URI must be http(s)://host[:port] without a login, got nothing; "),
        (
            "http://ann:secret@mlflow",
            "MLFLOW_TRACKING_URI must be http(s)://host[:port] without a login, got http://...",
        ),
        ("http://127.0.0.1:1", "http://127.0.0.1:1 must answer, got [Errno 111] Connection refused; "),
    ],
)
def test_without_a_server_there_is_one_line(
    uri: str, told: str, digits: ModelVersion, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    assert main(["register", str(digits.directory)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(told)
    assert "secret" not in error
    assert error.count("\n") == 1


def test_a_page_that_is_no_mlflow_is_called_so(
    digits: ModelVersion, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with gate("", lambda _: Response(body=b"<html>welcome</html>")) as page:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", page.url)
        assert main(["register", str(digits.directory)]) == 1

    assert "must be an MLflow server's, got another kind of answer: '<html>welcome</html>'" in capsys.readouterr().err
