"""One POST over HTTP: no redirects, a deadline, and every way to fail said in a line."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from infra.smoke.deadline import Deadline
from infra.smoke.errors import ColdStart, Failure

MOST_BYTES = 64 * 1024 * 1024
"""Of an answer; what a model says about one example is far below."""

COLD = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""What a server says that is starting, or that has no instance yet."""

PAUSE = 2.0
"""Seconds until the next try where the answer has no Retry-After."""


class _NoRedirect(HTTPRedirectHandler):
    """An endpoint that redirects is not the endpoint, and must not be sent a token or a signature."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = build_opener(_NoRedirect)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back, whatever its status."""

    asked: str
    status: int
    headers: Message
    body: bytes
    seconds: float


def post(url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline, unreachable: str) -> Reply:
    """Send `body`; raises `Failure`, with the advice `unreachable` where there was no connection."""
    asked, started = f"POST {url}", time.perf_counter()
    request = Request(url, body, dict(headers), method="POST")  # noqa: S310 - a target's address is HTTP, checked
    timeout = deadline.remaining()
    try:
        status, given, content = _exchange(request, timeout)
    except TimeoutError:
        advice = "it took the connection and stays silent: read its log, or give it longer with --timeout"
        raise Failure(asked, f"no answer within {timeout:.0f} s", advice) from None
    except URLError as error:
        raise Failure(asked, f"no connection ({error.reason})", unreachable) from None
    except (OSError, HTTPException) as error:
        came = f"the connection broke ({type(error).__name__}: {error})"
        raise Failure(asked, came, "read the server's log; it may be restarting") from None
    return Reply(asked=asked, status=status, headers=given, body=content, seconds=time.perf_counter() - started)


def _exchange(request: Request, timeout: float) -> tuple[int, Message, bytes]:
    try:
        with _OPENER.open(request, timeout=timeout) as response:
            return response.status, response.headers, response.read(MOST_BYTES)
    except HTTPError as error:  # an answer too
        with error:
            return error.code, error.headers, error.read(MOST_BYTES)


def content(reply: Reply, advice: Mapping[int, str]) -> Any:
    """The JSON of an answer with status 200; raises `Failure` with the `advice` for its status, and `ColdStart`."""
    if reply.status in COLD:
        raise ColdStart(reply.asked, _said(reply), retry_after(reply.headers))
    if reply.status != HTTPStatus.OK:
        raise Failure(reply.asked, _said(reply), advice.get(reply.status) or _advice(reply))
    try:
        return json.loads(reply.body)
    except ValueError:
        kind = reply.headers.get("Content-Type", "no type")
        came = f"{kind} that is no JSON: {reply.body[:80]!r}"
        raise Failure(reply.asked, came, "something else answers at this address: check it") from None


def retry_after(headers: Message) -> float:
    """Seconds that the answer asks to wait; its other form, a date, is taken for the usual pause."""
    given = headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else PAUSE


def _said(reply: Reply) -> str:
    return f"status {reply.status}, {words(reply.body)}" if reply.body else f"status {reply.status}"


def words(body: bytes) -> str:
    """What an error's body says: the message of a JSON object, else its beginning."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        return repr(body[:200])[1:]
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    found = [fields[key] for key in ("error", "message", "Message") if key in fields]
    return str(found[0] if found else json.dumps(document))[:300]


def _advice(reply: Reply) -> str:
    if reply.status in range(300, 400):
        return f"it redirects to {reply.headers.get('Location')}, which is not followed: export the final address"
    if reply.status == HTTPStatus.NOT_FOUND:
        return "no such model or path there: check that this is the model server and that it holds the model"
    if reply.status in range(400, 500):
        return "the server refuses the golden input: it serves another model or version than this checkout has"
    return "read the server's log"
