"""The keys of which a request to a model must bring one, where the server has any."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from inference_app.contract import API_KEY_HEADER
from inference_app.errors import Unauthorized
from inference_app.mistakes import UNSHOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_app.protocols.call import Headers
    from inference_app.settings import Settings

LEAST, MOST = 16, 256
"""Characters of a key."""

# A bearer token's characters (RFC 6750, section 2.1).
_KEY = re.compile(rf"[A-Za-z0-9._~+/=-]{{{LEAST},{MOST}}}")
_RULE = f"must be keys of {LEAST} to {MOST} letters, digits or any of ._~+/=- each, with commas between them"
_HEADER = API_KEY_HEADER.lower().encode()


def split(text: object) -> object:
    """The keys in a variable's value, without the spaces and line ends around them.

    Raises `PydanticCustomError` of type `UNSHOWN`, which tells keys by their places.
    """
    if not isinstance(text, str):
        return text
    keys = [key.strip() for key in text.split(",") if key.strip()]
    wrong = [str(place) for place, key in enumerate(keys, 1) if not _KEY.fullmatch(key)]
    if wrong or not keys:
        found = f"not so: number {', '.join(wrong)} of {len(keys)}" if wrong else "there is none"
        raise PydanticCustomError(UNSHOWN, "{rule}; {found}", {"rule": _RULE, "found": found})
    return tuple(keys)


class ApiKeys:
    """A server's keys, of which any will do, so that clients can change from one to the next one after another.

    They are looked up by their SHA-256 in a set: how long that takes says nothing of how near a guess is, nor of how
    many keys there are.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` has at least one."""
        self._digests = frozenset(sha256(key.encode()).digest() for key in keys)
        self._last = keys[0].encode()

    def admit(self, headers: Headers) -> bool:
        """Whether a request with these headers brings a key."""
        key = headers.get(_HEADER)
        if key is not None and self._has(key):
            return True
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and self._has(token)

    def check(self, headers: Headers) -> None:
        """Raise `Unauthorized` unless a request with these headers brings a key."""
        if not self.admit(headers):
            raise unauthorized()

    def _has(self, key: bytes) -> bool:
        # Most requests bring the key of the one before, and comparing takes a fraction of the time of hashing.
        if hmac.compare_digest(self._last, key):
            return True
        if len(key) > MOST or sha256(key).digest() not in self._digests:
            return False
        self._last = key
        return True


def of(settings: Settings) -> ApiKeys | None:
    """The server's keys; None where it has none, so that every request is let in."""
    keys = [key.get_secret_value() for key in settings.api_keys]
    return ApiKeys(keys) if keys else None


def unauthorized() -> Unauthorized:
    """The error of a request that brings no key of the server's."""
    return Unauthorized(f"send one of the server's API_KEYS as Authorization: Bearer or as {API_KEY_HEADER}")
