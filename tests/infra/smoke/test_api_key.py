"""A server that wants a key, and the user who has one or not."""

from collections.abc import Generator

import pytest

from inference_app.process import ServerProcess
from tests.infra.smoke.conftest import Smoke
from tests.loopback import Loopback, Request, Response

pytestmark = pytest.mark.slow

KEY = "a-key-of-the-server-0123456789"


@pytest.fixture(scope="module")
def keyed_server() -> Generator[str]:
    """The address of a server with a key."""
    with ServerProcess({"API_KEYS": KEY}) as process:
        process.until("ready")
        yield process.url()


def test_a_server_with_keys_is_asked_with_the_one_in_the_environment(
    keyed_server: str, smoke: Smoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOKE_API_KEY", f"{KEY}\n")
    run = smoke({"eks": {"kind": "http", "address": keyed_server}})

    assert (run.code, KEY in run.out + run.err) == (0, False), run.out


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("", "it wants a key: set SMOKE_API_KEY to one of its own"),
        ("Planted5ecret", "it does not take the key in SMOKE_API_KEY: set that to one of its own"),
    ],
    ids=["none", "another"],
)
def test_a_refusal_says_what_to_set_and_shows_no_key(
    keyed_server: str, smoke: Smoke, monkeypatch: pytest.MonkeyPatch, key: str, advice: str
) -> None:
    monkeypatch.setenv("SMOKE_API_KEY", key)
    run = smoke({"eks": {"kind": "http", "address": keyed_server}})

    assert run.code == 1
    assert run.verdict("eks").endswith(advice)
    assert "status 401" in run.verdict("eks")
    assert "Planted5ecret" not in run.out + run.err


def test_a_key_does_not_follow_a_redirect(smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOKE_API_KEY", KEY)
    with Loopback(lambda _: Response(status=200)) as elsewhere:

        def redirect(_: Request) -> Response:
            return Response(status=307, headers={"Location": f"{elsewhere.url}/"})

        with Loopback(redirect) as endpoint:
            run = smoke({"eks": {"kind": "http", "address": endpoint.url}})

    assert run.code == 1
    assert (len(endpoint.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("key", ["two keys", "k\xe9y", "a\r\nHost: b"])
def test_what_can_be_no_key_ends_the_run_unsent_and_unshown(
    smoke: Smoke, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SMOKE_API_KEY", key)
    run = smoke({"eks": {"kind": "http", "address": "http://127.0.0.1:9"}})

    assert (run.code, run.out) == (2, "")
    assert run.err == "error: SMOKE_API_KEY must be one key or token, of ASCII characters and without spaces\n"
