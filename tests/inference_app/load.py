"""Clients that send one request after another, as behind a load balancer, until told to stop."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

LANES = 8
BROKEN = 0
"""Stands for the status of a request whose connection broke."""


class Load:
    """Sends from the start; each lane keeps its connection for as long as the server does."""

    def __init__(self, url: str, body: str, lanes: int = LANES) -> None:
        self._address = urlsplit(url).netloc
        self._body = body
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(lanes)
        self._answers: list[tuple[int, bool]] = []
        self._lanes: list[Future[None]] = [self._pool.submit(self._send) for _ in range(lanes)]

    @property
    def answered(self) -> int:
        """Requests that have ended so far."""
        return len(self._answers)

    def stop(self) -> list[tuple[int, bool]]:
        """Status and whether the server asked to close, for every request ever sent."""
        self._stopped.set()
        for lane in self._lanes:
            lane.result()
        self._pool.shutdown()
        return self._answers

    def _send(self) -> None:
        with closing(HTTPConnection(self._address, timeout=10)) as connection:
            while not self._stopped.is_set():
                self._answers.append(self._ask(connection))

    def _ask(self, connection: HTTPConnection) -> tuple[int, bool]:
        try:
            connection.request("POST", "/predict", self._body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
        except (HTTPException, OSError):
            connection.close()  # the next request opens another
            return BROKEN, True
        return response.status, response.getheader("connection") == "close"
