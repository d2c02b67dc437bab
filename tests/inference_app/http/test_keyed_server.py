"""A real server with API keys: what is open, what is not, and that no key is ever written."""

import http.client
import json
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from inference_app.process import ServerProcess
from tests.inference_app.http.wire import Wire, post

pytestmark = pytest.mark.slow

OLD, NEW, WRONG = "the-old-key-0123456789", "the-new-key-0123456789", "another-key-0123456789"
ADMIN_TOKEN = "an-admin-token-0123456789"
KEYED = [
    ("POST", "/predict"),
    ("POST", "/predict/digits"),
    ("POST", "/predict/cats"),
    ("POST", "/v2/models/digits/infer"),
    ("POST", "/v2/models/digits/versions/1/infer"),
    ("POST", "/v2/models/cats/infer"),
    ("POST", "/invocations"),
    ("POST", "/models/digits/invoke"),
    ("GET", "/v2/models/digits"),
    ("GET", "/v2/models/digits/versions/1"),
    ("GET", "/v2/models/cats"),
]
OPEN = [
    "/health",
    "/ready",
    "/ping",
    "/metrics",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/digits/ready",
    "/v2/models/digits/versions/1/ready",
    "/docs",
    "/openapi.json",
]


@pytest.fixture(scope="module")
def process() -> Generator[ServerProcess]:
    """A server with two keys that logs all it can; what it wrote has no key in it."""
    environment = {"API_KEYS": f"{OLD},{NEW}\n", "ADMIN_TOKEN": ADMIN_TOKEN, "LOG_LEVEL": "DEBUG", "GRPC_PORT": "0"}
    with ServerProcess(environment) as process:
        process.until("ready")
        yield process


@pytest.fixture(scope="module")
def client(process: ServerProcess) -> Generator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=process.url()) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("method", "path"), KEYED)
@pytest.mark.parametrize("headers", [{}, bearer(WRONG), {"X-API-Key": WRONG}, bearer(ADMIN_TOKEN)])
def test_what_asks_or_describes_a_model_needs_a_key(
    client: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("path", OPEN)
def test_what_tells_how_the_server_is_needs_none(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("headers", [bearer(OLD), bearer(NEW), {"X-API-Key": OLD}, {"x-api-key": NEW}])
def test_either_key_in_either_header_is_answered(
    client: httpx.Client, headers: dict[str, str], example: list[Any]
) -> None:
    assert client.post("/predict", json=example, headers=headers).json()["model"] == "digits"
    assert client.get("/v2/models/digits", headers=headers).json()["name"] == "digits"
    assert client.post("/predict/cats", headers=headers).status_code == 404


def test_a_key_that_was_taken_out_is_refused_after_the_restart(example: list[Any]) -> None:
    with ServerProcess({"API_KEYS": NEW}) as process:
        process.until("ready")
        codes = [
            httpx.post(f"{process.url()}/predict", json=example, headers=bearer(key)).status_code for key in (OLD, NEW)
        ]
    assert codes == [401, 200]


def test_a_key_opens_no_admin_call_and_the_admin_token_needs_no_key(client: httpx.Client) -> None:
    index = "/v2/repository/index"
    codes = [client.post(index, headers=bearer(token)).status_code for token in (NEW, ADMIN_TOKEN)]
    assert codes == [401, 200]


def test_a_refused_client_keeps_its_connection(process: ServerProcess, example: list[Any]) -> None:
    address = urlsplit(process.url())
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    codes: list[int] = []
    sockets: set[object] = set()
    for headers in ({}, bearer(WRONG), bearer(NEW), {}, bearer(OLD)):
        # It sends headers and body in two pieces.
        connection.request("POST", "/predict", json.dumps(example), {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        codes.append(answer.status)
        sockets.add(connection.sock)
    connection.close()
    assert (codes, len(sockets)) == ([401, 401, 200, 401, 200], 1)


def test_a_huge_body_is_refused_before_it_is_sent(process: ServerProcess) -> None:
    with Wire(process.url()) as wire:
        head = post("/predict", b"").replace(b"Content-Length: 0", b"Content-Length: 8000000")
        answer = wire.send(head).last()
    assert (answer.status, answer.headers["connection"]) == (401, "close")


@pytest.mark.parametrize(
    "line",
    [
        b"Authorization: Bearer " + OLD.encode().replace(b"o", b"\xf6"),
        b"X-API-Key: \xff\xfe\x80",
        b"X-API-Key: " + b"k" * 60_000,
        b"X-API-Key: " + OLD.encode() + b"\r\nX-API-Key: " + NEW.encode(),
        b"X-API-Key: " + WRONG.encode() + b"\r\nX-API-Key: " + NEW.encode(),
        b"Authorization: Bearer " + OLD.encode() + b"\r\nAuthorization: Bearer " + OLD.encode(),
        b"Authorization: " + b"Bearer " * 1000 + OLD.encode(),
    ],
    ids=["non-ascii", "bytes", "long", "two-keys", "wrong-and-right", "twice", "many-schemes"],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/cats"], ids=["lane", "application"])
def test_hostile_headers_are_401_and_the_server_goes_on(
    process: ServerProcess, client: httpx.Client, path: str, line: bytes
) -> None:
    request = post(path, b"[]").replace(b"Host: test", b"Host: test\r\n" + line)
    with Wire(process.url()) as wire:
        assert wire.send(request).answer().status == 401
    assert client.get("/health").status_code == 200


def test_refusals_are_counted_on_their_route(client: httpx.Client, metric: Any) -> None:
    labels = {"route": "/invocations", "code": "401"}
    before = metric(client, "inference_requests_total", **labels)
    client.post("/invocations")
    assert metric(client, "inference_requests_total", **labels) == before + 1


def test_the_open_document_says_that_a_key_is_needed_and_not_what_the_model_takes(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    keyed = {
        (method.upper(), path) for path, item in paths.items() for method in item if "401" in item[method]["responses"]
    }
    infer = paths["/v2/models/{name}/infer"]["post"]
    assert infer["security"] == [{"ApiKey": []}, {"ApiKeyHeader": []}]
    assert "requestBody" not in infer
    assert {("POST", "/predict"), ("POST", "/models/{name}/invoke"), ("GET", "/v2/models/{name}")} <= keyed
    assert not {path for _, path in keyed} & set(OPEN)


def test_no_key_is_ever_written(process: ServerProcess, client: httpx.Client) -> None:
    client.post("/predict", content=b"{", headers=bearer(OLD))
    client.post("/predict", headers={"X-API-Key": WRONG})
    pages = [client.get(path).text for path in OPEN]
    for key in (OLD, NEW, WRONG, ADMIN_TOKEN):
        assert key not in "".join([*process.output, *pages])
