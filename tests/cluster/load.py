"""Requests at a rate, whatever the answers take."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

LANES = 8


class PacedLoad:
    """So many predictions a second while the context lasts, over a few connections."""

    def __init__(self, url: str, body: str, rate: float) -> None:
        self._address, self._body, self._rate = urlsplit(url).netloc, body, rate
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(LANES)
        self.failed: list[int] = []

    def __enter__(self) -> Self:
        self._lanes = [self._pool.submit(self._send, number / self._rate) for number in range(LANES)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._pool.shutdown()
        for lane in self._lanes:
            lane.result()

    def _send(self, delay: float) -> None:
        turn = time.monotonic() + delay
        with closing(HTTPConnection(self._address, timeout=10)) as connection:
            while not self._stopped.wait(max(0.0, turn - time.monotonic())):
                turn += LANES / self._rate
                connection.request("POST", "/predict", self._body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.failed.append(response.status)
