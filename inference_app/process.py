"""A model server as a child process: started on a free port, watched through its JSON log, stopped by signal."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self


class ServerDied(Exception):  # noqa: N818 - the process did
    """The server exited, or stayed silent, before it said what was waited for; the message holds its own words."""


class ServerProcess:
    """`python -m` a module of ours with the given environment on top of this process's; killed when the block ends."""

    def __init__(self, environment: Mapping[str, str], *arguments: str, module: str = "inference_app") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PORT": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self.wait()

    def until(self, *messages: str, times: int = 1, timeout: float = 30) -> dict[str, Any]:
        """The first log entry with one of these messages, as soon as there are so many; each worker logs its own.

        Raises `ServerDied` after `timeout` seconds or when the log ends without them.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._find(messages)) >= times, timeout)
            entries = self._find(messages)
        if len(entries) < times:
            raise ServerDied(f"the server never said {' or '.join(messages)}:\n" + "".join(self.output).strip())
        return entries[0]

    def url(self, timeout: float = 30) -> str:
        """Where it listens; waits for it."""
        entry = self.until("listening", timeout=timeout)
        return f"http://{entry['host']}:{entry['port']}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 40) -> int:
        """The exit code; raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        code = self._process.wait(timeout)
        self._reader.join(timeout)
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as lines:
            for line in lines:
                self._note(line)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _note(self, line: str) -> None:
        with self._changed:
            self.output.append(line)
            self._changed.notify_all()

    def _find(self, messages: tuple[str, ...]) -> list[dict[str, Any]]:
        entries = (json.loads(line) for line in self.output if line.startswith("{"))
        return [entry for entry in entries if entry["message"] in messages]
