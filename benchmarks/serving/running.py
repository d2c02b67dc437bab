"""One server, running: started on a free port, ready when it has answered rightly, gone when the block ends."""

import http.client
import os
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.serving import environments, processes
from benchmarks.serving.cases import ModelName
from benchmarks.serving.contenders import Contender
from benchmarks.serving.processes import Memory
from benchmarks.serving.requests import Request

PATIENCE_SECONDS = 60
POLL_SECONDS = 0.005
IN_A_ROW = 20
"""After so many right answers it is as good as certain that no process of a server still loads."""


class NeverReady(Exception):  # noqa: N818 - the server was not
    """The server gave no right answer in time; the message holds the last one and the end of its log."""


class Running:
    """A contender serving a model on loopback."""

    def __init__(self, contender: Contender, model: ModelName) -> None:
        self._mark = uuid.uuid4().hex
        self._scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._log = Path(self._scratch.name) / "log"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._started = time.perf_counter()
        own = {"PORT": str(self._port), "TMPDIR": self._scratch.name, processes.MARK: self._mark}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                _command(contender),
                env={**_environment(contender, model), **own},
                cwd=_folder(contender),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        processes.end(self._mark)
        self._process.wait()
        self._scratch.cleanup()

    @property
    def pid(self) -> int:
        """Of its first process."""
        return self._process.pid

    def first_answer(self, request: Request) -> float:
        """Seconds from the process's start to the first right answer; waits until all its processes give such.

        Raises `NeverReady`.
        """
        seconds = self._until(request, 1)
        self._until(request, IN_A_ROW)
        return seconds

    def _until(self, request: Request, wanted: int) -> float:
        """Ask on a new connection each time; seconds from the process's start to so many right answers in a row."""
        right = 0
        while right < wanted:
            wrong = self._try(request)
            elapsed = time.perf_counter() - self._started
            if wrong is None:
                right += 1
                continue
            right = 0
            if elapsed > PATIENCE_SECONDS or self._is_gone():
                raise NeverReady(f"no right answer after {elapsed:.0f} s: {wrong}\n{self._words()}")
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - self._started

    def ask(self, request: Request) -> None:
        """Send one request; raises `WrongAnswer`, `OSError` or another error for any answer that is not right."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", request.path, request.body, request.all_headers())
            response = connection.getresponse()
            body = response.read()
            if response.status != http.client.OK:
                raise http.client.HTTPException(f"{response.status} {body[:200]!r}")
            request.check(body, dict(response.getheaders()))
        finally:
            connection.close()

    def memory(self) -> Memory:
        """Of all its processes, now."""
        return processes.memory(self._mark)

    def cpu_seconds(self) -> float:
        """Of all its processes, until now."""
        return processes.cpu_seconds(self._mark)

    def _try(self, request: Request) -> str | None:
        try:
            self.ask(request)
        except Exception as error:  # noqa: BLE001 - a server that starts answers in many wrong ways
            return f"{type(error).__name__}: {error}"
        return None

    def _is_gone(self) -> bool:
        return self._process.poll() is not None and not processes.marked(self._mark)

    def _words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def _command(contender: Contender) -> list[str]:
    interpreter = str(environments.interpreter(contender.folder))
    return [interpreter, "-m", "inference_app"] if contender.folder is None else [interpreter, "server.py"]


def _environment(contender: Contender, model: ModelName) -> dict[str, str]:
    return {
        **os.environ,
        **contender.environment(model),
        "MODEL_REPOSITORY": str(environments.MODELS),
        "MODEL_NAME": model,
        "MODEL_DIRECTORY": str(environments.MODELS / model / "1"),
        "PYTHONPATH": str(environments.PEERS if contender.folder else environments.ROOT),
    }


def _folder(contender: Contender) -> Path:
    return environments.PEERS / contender.folder if contender.folder else environments.ROOT


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
