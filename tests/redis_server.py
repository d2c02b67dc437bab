"""A real Redis on loopback, which a test may stall, change and kill."""

import os
import shutil
import signal
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from redis import Redis

from tests.processes import HOST, Process, free_port, until

PASSWORD = "a password of the test"


class RedisServer:
    """In memory only; started again it is empty and at its old address."""

    def __init__(self, folder: Path, options: Sequence[str] = (), *, port_option: str = "--port") -> None:
        """`options` go on the command line, where `port_option` names the port that clients use."""
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        plain = [] if port_option == "--port" else ["--port", "0"]
        listens = [*plain, port_option, str(self.port), "--bind", HOST]
        memory = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._command = [program(), *listens, *memory, "--requirepass", PASSWORD, *options]
        self._folder = folder
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Listen."""
        self._process = Process("redis", self._command, self._folder).__enter__()
        until(self._listens, "Redis that listens", processes=[self._process])

    def kill(self) -> None:
        """End it without a word to anybody."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.__exit__(None, None, None)
            self._process = None

    @contextmanager
    def stalled(self) -> Generator[None]:
        """Inside the block it takes connections and says nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def client(self) -> Any:
        """Somebody who has the password: a `redis.Redis`, whose annotations leave out much."""
        return Redis(host=HOST, port=self.port, password=PASSWORD)

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex((HOST, self.port)) == 0


def program() -> str:
    """Where `redis-server` is; without it the test is skipped, and fails where nothing may be absent."""
    found = shutil.which("redis-server")
    if found is None:
        missing = "redis-server is not on PATH: install Debian's package redis-server"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return found
