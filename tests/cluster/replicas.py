"""What the API server tells of a Deployment's replicas, as it tells it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from tests.cluster.api import Api


@dataclass(frozen=True)
class Change:
    """A number of replicas, and when somebody set it, in seconds from the start."""

    seconds: float
    replicas: int


class Replicas:
    """Watches a Deployment while the context lasts."""

    def __init__(self, api: Api, namespace: str, deployment: str) -> None:
        self._api, self._namespace, self._deployment = api, namespace, deployment
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.changes: list[Change] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()

    @property
    def now(self) -> int:
        """The last number that was told."""
        return self.changes[-1].replicas if self.changes else -1

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def since(self, seconds: float) -> list[int]:
        """Numbers told after that moment."""
        return [change.replicas for change in self.changes if change.seconds > seconds]

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                for found in self._api.watch("apps/v1 Deployment", self._namespace, 600):
                    self._note(found)
            except httpx.TransportError:
                self._ended.wait(0.5)

    def _note(self, found: Mapping[str, Any]) -> None:
        if found["metadata"].get("name") == self._deployment and found["spec"]["replicas"] != self.now:
            self.changes.append(Change(self.seconds, found["spec"]["replicas"]))
