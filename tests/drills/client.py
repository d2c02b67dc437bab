"""A load client of its own: one request after another on each connection, no retries, a record of every request."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPMessage, IncompleteRead
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from inference_app.contract import Route

CONNECTIONS = 8
TIMEOUT_SECONDS = 20
SERVER_HEADER = "X-Server"
"""In which a proxy tells whom it asked."""
REFUSALS = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
RETRYABLE = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class Outcome(StrEnum):
    """What became of a request."""

    ANSWERED = "answered"
    MISANSWERED = "misanswered"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request, and how to read its answer.

    `judge` takes the answer's headers and body, and gives the model version that the answer names; None where the
    answer is not that version's.
    """

    body: bytes
    judge: Callable[[HTTPMessage, bytes], str | None]
    path: str = Route.PREDICT
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request that has ended; `sent_at` is of `time.monotonic()`.

    `seconds` count from when a paced request was due, so that a stall is not hidden by the requests it held up.
    """

    sent_at: float
    seconds: float
    status: int | None = None
    """None where the answer did not come, or not whole."""
    version: str | None = None
    can_retry_after: bool = False
    closing: bool = False
    """Whether the answer said that the connection closes behind it."""
    fault: str = ""
    """What broke, where the answer did not come whole."""
    server: str = ""
    """Whom the proxy asked, where it says so."""

    @property
    def outcome(self) -> Outcome:
        """An error that does not say when to come back counts as lost, whole as it may be."""
        if self.status == HTTPStatus.OK:
            return Outcome.MISANSWERED if self.version is None else Outcome.ANSWERED
        if self.status in REFUSALS and self.can_retry_after:
            return Outcome.REFUSED
        return Outcome.LOST

    @property
    def is_retryable(self) -> bool:
        """Whether a client may try again at once: a broken connection, or a proxy without a server."""
        return self.status is None or self.status in RETRYABLE


class Load:
    """Asks the questions in turn while the context lasts, over several connections that are kept for as long as may be.

    `rate` is in requests per second, late ones made up for; without it each connection asks as soon as it has its
    answer.
    """

    def __init__(
        self, url: str, questions: Sequence[Question], *, connections: int = CONNECTIONS, rate: float | None = None
    ) -> None:
        self._address = urlsplit(url).netloc
        self._questions = questions
        self._connections = connections
        self._rate = rate
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(connections)
        self._lanes: list[Future[None]] = []
        self.requests: list[Request] = []
        """All that have ended."""

    def __enter__(self) -> Self:
        begun = time.monotonic()
        self._lanes = [self._pool.submit(self._send, begun) for _ in range(self._connections)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more, and see what has been asked end; the end of the context does the same."""
        self._stopped.set()
        self._pool.shutdown()
        for lane in self._lanes:
            lane.result()

    def reach(self, count: int, seconds: float = TIMEOUT_SECONDS) -> None:
        """Wait until so many more requests have ended; raises `TimeoutError` after `seconds`."""
        wanted, end = len(self.requests) + count, time.monotonic() + seconds
        while len(self.requests) < wanted:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self.requests)} requests have ended after {seconds:g} s, not {wanted}")
            time.sleep(0.005)

    def _send(self, begun: float) -> None:
        with closing(HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)) as connection:
            for number in self._numbers:  # shared: whichever connection is free takes the next request
                due = begun + number / self._rate if self._rate else None
                if self._stopped.wait(max(0.0, due - time.monotonic()) if due else 0):
                    return
                self.requests.append(ask(connection, self._questions[number % len(self._questions)], due))


def ask(connection: HTTPConnection, question: Question, due: float | None = None) -> Request:
    """Send one request, on a new connection if the last one has ended, and take its whole answer."""
    sent_at = time.monotonic()
    begun = sent_at if due is None else due
    try:
        connection.request("POST", question.path, question.body, dict(question.headers))
        response = connection.getresponse()
        if response.length is None and not response.chunked:
            raise IncompleteRead(b"")  # the head was cut: without a length, http.client takes what comes for the body
        content = response.read()
    except (HTTPException, OSError) as error:
        connection.close()
        fault = f"{type(error).__name__}: {error}"
        return Request(sent_at=sent_at, seconds=time.monotonic() - begun, fault=fault)
    return Request(
        sent_at=sent_at,
        seconds=time.monotonic() - begun,
        status=response.status,
        version=_version(question, response.headers, content) if response.status == HTTPStatus.OK else None,
        can_retry_after="retry-after" in response.headers,
        closing=response.headers.get("connection", "").lower() == "close",
        server=response.headers.get(SERVER_HEADER, ""),
    )


def _version(question: Question, headers: HTTPMessage, content: bytes) -> str | None:
    try:
        return question.judge(headers, content)
    except (ValueError, LookupError, TypeError):  # no answer of the kind that was asked for
        return None
