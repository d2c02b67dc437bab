"""Programs that run beside a test and end with it, also when the test's own process is killed."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

HOST = "127.0.0.1"
"""Where all of them listen."""

Found = TypeVar("Found")

# https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html; a function between fork and exec would do as well,
# but for the threads of gRPC, which do not survive that.
_ENDS_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL", "--") if sys.platform == "linux" else ()


class Process:
    """One program with its log; leaving the context stops it."""

    def __init__(
        self, name: str, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [*_ENDS_WITH_ITS_PARENT, *map(str, command)]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process ID."""
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Raise RuntimeError, with the end of its log, when it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}:\n{tail}")


def until(
    found: Callable[[], Found | None], what: str, seconds: float = 30, processes: Sequence[Process] = ()
) -> Found:
    """The first result that is true; raises TimeoutError that names `what` after `seconds`.

    Looks five times a second, and gives up at once when one of `processes` has ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        if result := found():
            return result
        for process in processes:
            process.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {seconds:g} s")
        time.sleep(0.2)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def resident(pid: int) -> int:
    """Bytes of memory that a process has (https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
