"""Which values of API_KEYS are keys, and which headers bring one of them."""

import pytest

from inference_app import api_keys, settings
from inference_app.api_keys import LEAST, MOST, ApiKeys
from inference_app.errors import ConfigurationError, Unauthorized
from inference_app.protocols.call import Headers
from inference_app.settings import Settings

OLD, NEW = "an-old.key_of~ours", "a/new+key0123456=="
KEYS = ApiKeys([OLD, NEW])
RULE = "API_KEYS must be keys of 16 to 256 letters, digits or any of ._~+/=- each, with commas between them; "


def bearer(token: str, scheme: str = "Bearer") -> Headers:
    return {b"authorization": f"{scheme} {token}".encode()}


def plain(key: str) -> Headers:
    return {b"x-api-key": key.encode()}


@pytest.mark.parametrize("headers", [bearer(OLD), bearer(NEW), bearer(NEW, "bearer"), plain(OLD), plain(NEW)])
def test_any_key_in_either_header_is_let_in_again_and_again(headers: Headers) -> None:
    assert [KEYS.admit(headers) for _ in range(2)] == [True, True]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        plain(""),
        plain(OLD[:-1]),
        plain(f"{OLD}s"),
        plain(f"{OLD},{NEW}"),
        plain(f"{OLD}, {OLD}"),
        plain(f"Bearer {OLD}"),
        {b"x-api-key": OLD.encode().replace(b"a", b"\xe9")},
        plain("x" * 60_000),
        bearer(""),
        bearer(OLD, "Basic"),
        bearer(f"{OLD} {NEW}"),
        {b"authorization": b"Bearer"},
        {b"authorization": OLD.encode()},
        {b"cookie": OLD.encode()},
    ],
)
def test_anything_else_is_refused_whoever_was_let_in_before(headers: Headers) -> None:
    fresh = ApiKeys([OLD, NEW])
    assert not fresh.admit(headers)
    assert fresh.admit(plain(NEW))
    assert not fresh.admit(headers)
    with pytest.raises(Unauthorized, match="Authorization: Bearer or as X-API-Key"):
        fresh.check(headers)


def test_a_key_counts_although_the_other_header_has_something_else() -> None:
    assert KEYS.admit({b"authorization": b"Basic dXNlcjpwYXNz", **plain(OLD)})
    assert KEYS.admit({b"x-api-key": b"of another service", **bearer(OLD)})


def test_without_keys_nothing_is_asked_for() -> None:
    assert api_keys.of(Settings()) is None


@pytest.mark.parametrize(
    "value",
    [f"{OLD},{NEW}", f" {OLD} , {NEW}\n", f"{OLD},\n{NEW},\n"],
    ids=["plain", "spaces", "a-file-with-a-key-per-line"],
)
def test_keys_come_with_commas_between_them(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("API_KEYS", value)
    keys = api_keys.of(settings.load())
    assert keys is not None
    assert [keys.admit(plain(key)) for key in (OLD, NEW, "")] == [True, True, False]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Planted5ecret", "not so: number 1 of 1"),
        (f"{OLD},Planted5ecret", "not so: number 2 of 2"),
        (f"Planted5ecret,{OLD},{'Planted5ecret' * 20}", "not so: number 1, 3 of 3"),
        (f"{OLD}\n{NEW}", "not so: number 1 of 1"),
        ("Planted5ecret with spaces", "not so: number 1 of 1"),
        ("Planted5ecret-\xe9-\xe9-\xe9", "not so: number 1 of 1"),
        (" ", "there is none"),
        (",\n", "there is none"),
    ],
)
def test_what_is_no_key_stops_the_server_and_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, value: str, found: str
) -> None:
    monkeypatch.setenv("API_KEYS", value)
    with pytest.raises(ConfigurationError) as raised:
        settings.load()
    assert str(raised.value) == RULE + found


@pytest.mark.parametrize("length", [LEAST, MOST])
def test_the_shortest_and_the_longest_key_are_keys(length: int) -> None:
    keys = api_keys.of(Settings.model_validate({"api_keys": "k" * length}))
    assert keys is not None
    assert keys.admit(plain("k" * length))
    assert not keys.admit(plain("k" * (length - 1)))


def test_the_settings_show_no_key() -> None:
    assert OLD not in repr(Settings.model_validate({"api_keys": OLD}))
