"""What an alias names, from MLflow to a server that answers: every byte of it or none."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess
from inference_app.pull import checksums
from inference_app.pull.download import PART_BYTES
from tests.inference_app.pull.process import Pull
from tests.inference_app.pull.relay import Relay
from tests.loopback import Request, Response
from tests.mlflow.conftest import WEIGHTS_BYTES, Registered
from tests.mlflow.gate import gate
from tests.s3_server import s3_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def relay(registered: Registered) -> Iterator[Relay]:
    """A way to the server that can be disturbed."""
    with Relay(httpx.URL(registered.url)) as made:
        yield made


@pytest.fixture
def store() -> Iterator[str]:
    """The URL of an S3 server."""
    with s3_server() as url:
        yield url


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_server_starts_from_what_an_alias_names(pull: Pull, version: Path) -> None:
    outcome = pull.run()

    assert (outcome.code, outcome.error) == (0, "")
    name = version.parent.name
    assert contents(pull.repository / name / "1") == contents(version) | {checksums.FILE: checksums.of(version)}
    assert pull.served() == [f"{name}/1", f"{name}/active.json"]
    with ServerProcess({"MODEL_REPOSITORY": str(pull.repository), "MODEL_NAME": name}) as server:
        server.until("ready")


def test_a_number_names_a_version_that_is_no_champion_any_more(
    pull: Pull, registered: Registered, version: Path
) -> None:
    old = (version / "golden.json").read_bytes()
    (version / "golden.json").write_bytes(old + b" ")
    registered.register(version)

    assert pull.but(MODEL_SOURCE=f"models:/{registered.name}/1").run().code == 0
    assert (pull.repository / registered.name / "1" / "golden.json").read_bytes() == old


def test_further_models_come_by_the_same_alias(pull: Pull, registered: Registered, version: Path) -> None:
    other = version.parents[1] / "others" / "1"
    version.parent.rename(other.parent)
    metadata = (other / "metadata.json").read_text()
    (other / "metadata.json").write_text(metadata.replace(registered.name, f"{registered.name}-other"))
    registered.register(other)

    assert pull.but(EXTRA_MODELS=f"{registered.name}-other").run().code == 0
    assert f"{registered.name}-other/1" in pull.served()


def test_a_server_that_goes_away_half_way_is_waited_for(pull: Pull, registered: Registered, relay: Relay) -> None:
    relay.cut, relay.cut_after = 1, PART_BYTES + 5000

    outcome = pull.but(MLFLOW_TRACKING_URI=relay.url, MODEL_SOURCE_RETRY_SECONDS="20").run()

    assert outcome.code == 0, outcome.error
    assert relay.cut == 0
    assert len(outcome.entries("trying again")) == 1
    assert (pull.repository / registered.name / "1" / "weights.bin").stat().st_size == WEIGHTS_BYTES


def test_a_server_that_stays_away_leaves_nothing(pull: Pull, relay: Relay) -> None:
    relay.cut, relay.cut_after = 10**6, PART_BYTES + 5000

    error = pull.but(MLFLOW_TRACKING_URI=relay.url).fails()
    assert "/model/weights.bin must answer within 1 seconds, got " in error


def test_an_artefact_that_was_cut_short_is_refused(pull: Pull, registered: Registered, version: Path) -> None:
    content = (version / "model.onnx").read_bytes()
    url = registered.file_url("model.onnx")
    httpx.put(url, content=content[:1000]).raise_for_status()

    error = pull.fails()
    assert error.startswith(f"{url} must have the SHA-256 {checksums.sha256(version / 'model.onnx')} ")
    assert " of 1000 bytes; upload the version again" in error


def test_a_login_that_is_missing_is_asked_for_once(pull: Pull, registered: Registered) -> None:
    def judge(request: Request) -> Response | None:
        is_right = request.headers.get("authorization") == "Bearer right"
        return None if is_right else Response(status=403, body=b"not you")

    with gate(registered.url, judge) as guarded:
        error = pull.but(MLFLOW_TRACKING_URI=guarded.url).fails()
        assert error.startswith(f"{guarded.url} must let this be done, got 403 not you; give MLFLOW_TRACKING_TOKEN")
        assert len(guarded.requests) == 1
        assert pull.but(MLFLOW_TRACKING_URI=guarded.url, MLFLOW_TRACKING_TOKEN="right").run().code == 0


def test_what_is_not_registered_is_named(pull: Pull, registered: Registered) -> None:
    assert pull.but(MODEL_SOURCE=f"models:/{registered.name}@rival").fails() == (
        f"models:/{registered.name}@rival must be there, got 400 Registered model alias rival not found.; register it, "
        "or name another\n"
    )
    assert pull.but(MODEL_VERSION="7").fails() == (
        f"models:/{registered.name}@champion must be version 7, as MODEL_VERSION says, got 1; name that\n"
    )


def test_what_others_registered_without_our_tags_is_refused(pull: Pull, registered: Registered) -> None:
    known = registered.champion()
    registered.post("model-versions/create", name=known["name"], source=known["source"], run_id=known["run_id"])

    error = pull.but(MODEL_SOURCE=f"models:/{registered.name}/2").fails()
    assert "/2 must have the tag version with the version's name in a repository, got none; register it with" in error


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"MODEL_SOURCE": "models:/digits"}, "MODEL_SOURCE must be models:/name@alias or models:/name/number"),
        (
            {"MODEL_SOURCE": "models:/words@champion"},
            "MODEL_NAME must be the model that MODEL_SOURCE names, words, got",
        ),
        ({"MODEL_SOURCE": "models:/digits/1", "EXTRA_MODELS": "words"}, "MODEL_SOURCE must name an alias where EXTRA"),
        ({"MLFLOW_TRACKING_URI": ""}, "MLFLOW_TRACKING_URI must be http(s)://host[:port] without a login, got nothing"),
    ],
)
def test_a_wrong_setting_is_told_before_anybody_is_asked(changes: dict[str, str], told: str, tmp_path: Path) -> None:
    settings = {"MODEL_SOURCE": "models:/digits@champion", "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}

    outcome = Pull(tmp_path, settings | changes).run()
    assert outcome.code == 2
    assert outcome.error.startswith(told)


def test_files_that_mlflow_leaves_to_s3_come_from_there(
    pull: Pull, registered: Registered, version: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    boto3: Any = importlib.import_module("boto3")  # ships no type information
    s3 = boto3.client("s3", endpoint_url=store, region_name="us-east-1")
    s3.create_bucket(Bucket="runs")
    (version / checksums.FILE).write_bytes(checksums.of(version))
    for path, content in contents(version).items():
        s3.put_object(Bucket="runs", Key=f"1/abc/artifacts/model/{path}", Body=content)
    source, tags = "s3://runs/1/abc/artifacts/model", [{"key": "version", "value": "1"}]
    registered.post("model-versions/create", name=registered.name, source=source, tags=tags)

    outcome = pull.but(MODEL_SOURCE=f"models:/{registered.name}/2", AWS_ENDPOINT_URL_S3=store, **keys).run()

    assert outcome.code == 0, outcome.error
    assert contents(pull.repository / registered.name / "1") == contents(version)
