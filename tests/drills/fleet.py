"""Several servers behind a proxy, replaced one by one as Kubernetes does it."""

import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock
from types import TracebackType
from typing import Self

from inference_app.process import ServerProcess
from tests.drills.notice import PROPAGATION_SECONDS
from tests.drills.proxies import Proxy

SERVERS = 3


class Fleet:
    """So many servers of one environment, ready when the context begins."""

    def __init__(self, proxy: Proxy, environment: Mapping[str, str], count: int = SERVERS) -> None:
        self._proxy = proxy
        self._environment = environment
        self._count = count
        self._stack = ExitStack()
        self._publishing = Lock()
        self._used: list[ServerProcess] = []

    @property
    def servers(self) -> Sequence[ServerProcess]:
        """Those that the proxy has been told of."""
        return tuple(self._used)

    def __enter__(self) -> Self:
        started = [self._start(self._environment) for _ in range(self._count)]
        for server in started:
            self._add(server)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def roll(self, environment: Mapping[str, str]) -> list[int]:
        """Replace every server: a new one is ready before an old one is told to stop (surge 1, unavailable 0).

        The next does not wait until the last one has ended, as a Deployment's does not. Returns the exit codes.
        """
        with ThreadPoolExecutor(self._count) as pool:
            ends: list[Future[int]] = []
            for old in self.servers:
                self._add(self._start(environment))
                ends.append(pool.submit(self.stop, old))
        return [end.result() for end in ends]

    def stop(self, server: ServerProcess) -> int:
        """Send SIGTERM and see the server end; the proxy is told, or finds out, meanwhile. Returns the exit code."""
        server.send(signal.SIGTERM)
        if self._proxy.watches_readiness:
            code = server.wait()
            self.forget(server)
            return code
        time.sleep(PROPAGATION_SECONDS)
        self.forget(server)
        return server.wait()

    def forget(self, server: ServerProcess) -> None:
        """The proxy is told that this server is gone."""
        with self._publishing:
            self._used.remove(server)
            self._publish()

    def _start(self, environment: Mapping[str, str]) -> ServerProcess:
        return self._stack.enter_context(ServerProcess(environment))

    def _add(self, server: ServerProcess) -> None:
        server.until("ready")
        with self._publishing:
            self._used.append(server)
            self._publish()

    def _publish(self) -> None:
        self._proxy.use([server.url().removeprefix("http://") for server in self._used])
