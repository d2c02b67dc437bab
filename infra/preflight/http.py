"""Requests that read, to registries and price lists."""

import json
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from infra.preflight.errors import Unanswerable

SECONDS = 20


class Reply(NamedTuple):
    """What came back, whatever its status; a HEAD has no body."""

    status: int
    headers: Message
    body: bytes


def send(method: str, url: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A GET or HEAD; raises `Unanswerable` where there is no connection."""
    request = Request(url, headers=dict(headers or {}), method=method)  # noqa: S310 - https, or this machine's registry
    try:
        with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return Reply(response.status, response.headers, response.read() if method == "GET" else b"")
    except HTTPError as error:  # an answer too
        with error:
            return Reply(error.code, error.headers, b"")
    except (URLError, OSError, HTTPException) as error:
        came = f"{url}: {getattr(error, 'reason', error)}"
        raise Unanswerable(came, "check the network and the proxy from this machine") from None


def json_of(url: str) -> dict[str, Any]:
    """What a GET gives; raises `Unanswerable` for every other status than 200."""
    reply = send("GET", url, {"Accept": "application/json"})
    if reply.status != 200:
        raise Unanswerable(f"{url}: status {reply.status}", "try again later")
    return json.loads(reply.body)
