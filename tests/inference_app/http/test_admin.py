"""Calls that change which models are served, on a real server."""

import json
import shutil
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess

pytestmark = pytest.mark.slow
TOKEN = "a token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
INDEX, LOAD, UNLOAD = (f"/v2/repository/{call}" for call in ("index", "models/digits/load", "models/digits/unload"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, digits: Any) -> Path:
    """The repository of the admin's server."""
    repository = tmp_path_factory.mktemp("admin") / "repository"
    shutil.copytree(digits.directory.parent, repository / "digits")
    return repository


@pytest.fixture(scope="module")
def admin(models: Path) -> Generator[httpx.Client]:
    """A client with the token."""
    with ServerProcess({"ADMIN_TOKEN": TOKEN, "MODEL_REPOSITORY": str(models)}) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url(), headers=BEARER) as client:
            yield client


def activate(models: Path, version: str, **changes: Any) -> None:
    """Make a copy of the first version, with changes, the active one."""
    folder = models / "digits"
    shutil.rmtree(folder / version, ignore_errors=True)
    shutil.copytree(folder / "1", folder / version)
    path = folder / version / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": version, **changes}))
    (folder / "active.json").write_text(json.dumps({"version": version}))


def served(client: httpx.Client) -> str:
    """The version that answers."""
    return client.get("/ready").json()["models"]["digits"]


@pytest.mark.parametrize("path", [INDEX, LOAD, UNLOAD])
def test_without_a_token_on_the_server_such_calls_are_forbidden(server: httpx.Client, path: str) -> None:
    answers = [server.post(path), server.post(path, headers={"Authorization": "Bearer"})]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert "ADMIN_TOKEN" in answers[0].json()["error"]


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer a toke", "Bearer a tokens", "a token", "Bearer \xe9"])
@pytest.mark.parametrize("path", [INDEX, LOAD, UNLOAD])
def test_another_token_is_401(admin: httpx.Client, path: str, given: str) -> None:
    answer = admin.post(path, headers={b"Authorization": given.encode("latin-1")})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text


def test_the_index_lists_what_is_served(admin: httpx.Client) -> None:
    entry = {"name": "digits", "state": "READY", "reason": ""}
    bodies: list[bytes | None] = [None, b"{}", b'{"ready": true}']
    answers = [admin.post(INDEX, content=body).json() for body in bodies]
    assert answers == [[{**entry, "version": served(admin)}]] * 3


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"ready": "perhaps"}'])
def test_an_index_of_nonsense_is_400(admin: httpx.Client, body: bytes) -> None:
    answer = admin.post(INDEX, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_model_that_the_repository_does_not_have_is_404(admin: httpx.Client) -> None:
    assert admin.post(LOAD.replace("digits", "cats")).status_code == 404
    assert admin.post(UNLOAD.replace("digits", "cats")).status_code == 404


def test_an_exchange_under_load_loses_no_request(admin: httpx.Client, models: Path, example: list[Any]) -> None:
    activate(models, "2")
    done = threading.Event()
    seen: list[tuple[int, str]] = []

    def ask() -> None:
        with httpx.Client(base_url=admin.base_url) as client:
            while not done.is_set():
                answer = client.post("/predict", json=example)
                seen.append((answer.status_code, answer.json()["version"]))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    while len(seen) < len(clients):
        admin.get("/health")
    loaded = admin.post(LOAD)
    after = admin.post("/predict", json=example).json()["version"]
    done.set()
    for client in clients:
        client.join()
    assert (loaded.status_code, after, served(admin)) == (200, "2", "2")
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} <= {"1", "2"}
    assert admin.get("/v2/models/digits/versions/2/ready").status_code == 200
    assert admin.post("/v2/models/digits/versions/1/infer", content=b"{}").status_code == 404


def test_a_broken_version_is_refused_with_its_reason_and_changes_nothing(
    admin: httpx.Client, models: Path, example: list[Any]
) -> None:
    before = served(admin)
    activate(models, "3", sha256="0" * 64)
    answer = admin.post(LOAD)
    activate(models, "2")
    assert (answer.status_code, "SHA-256" in answer.json()["error"]) == (400, True)
    assert served(admin) == before
    assert admin.post("/predict", json=example).json()["version"] == before


def test_an_unloaded_model_is_404_until_it_is_loaded_again(admin: httpx.Client, example: list[Any]) -> None:
    unloaded = admin.post(UNLOAD).status_code
    gone = [admin.post("/v2/models/digits/infer", json={}), admin.post("/predict/digits", json=example)]
    default = admin.post("/predict", json=example)
    index = admin.post(INDEX).json()
    loaded = admin.post(LOAD).status_code
    assert ([unloaded, *(answer.status_code for answer in gone)], default.status_code) == ([200, 404, 404], 503)
    assert (index, loaded) == ([], 200)
    assert admin.post("/predict", json=example).status_code == 200
