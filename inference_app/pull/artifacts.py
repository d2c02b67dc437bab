"""Files that an MLflow server hands out: each from its beginning to its end, since it knows no ranges."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from inference_app.mlflow.connection import ARTIFACTS, Connection, MlflowError, reason
from inference_app.pull.errors import PassingError, PullError
from inference_app.pull.retrying import Retrying
from inference_app.pull.stored import StoredFile

SCHEME = "mlflow-artifacts:"
SKIPPED_BYTES = 1024 * 1024

T = TypeVar("T")


class Artifacts:
    """What lies below a folder of the server's artifacts."""

    def __init__(self, connection: Connection, root: str, retry_seconds: float) -> None:
        self.url = f"{connection.url}{ARTIFACTS}/{root}"
        self._connection, self._root = connection, root
        self._retrying = Retrying(retry_seconds, "the network policy and the server")
        self._lock = threading.Lock()
        self._sizes: dict[str, dict[str, int]] = {}
        self._streams: dict[str, _Stream] = {}

    def find(self, path: str) -> StoredFile:
        """Look a file up; `path` is relative to the URL."""
        folder, _, name = path.rpartition("/")
        if folder not in self._sizes:
            self._sizes[folder] = self._ask(folder, lambda: self._listed(folder))
        if name not in self._sizes[folder]:
            raise PullError(f"{self.url}/{path} must be there, got nothing; register the version, or name another")
        return StoredFile(path=path, size=self._sizes[folder][name])

    def part(self, file: StoredFile, start: int, end: int) -> memoryview:
        """The bytes from `start` to `end`, exclusive, once all before them were given."""
        if start == end:
            return memoryview(b"")
        with self._lock:
            open_file = partial(self._connection.open, f"{self._root}/{file.path}")
            stream = self._streams.setdefault(file.path, _Stream(open_file))
        content = stream.take(start, end, partial(self._ask, file.path))
        if len(content) != end - start:
            raise PullError(
                f"{self.url}/{file.path} must have {file.size} bytes, got {start + len(content)}; register it again"
            )
        return content

    def close(self) -> None:
        """Give up what waits and what is tried again."""
        self._retrying.close()
        for stream in list(self._streams.values()):
            stream.close()

    def _listed(self, folder: str) -> dict[str, int]:
        files: list[dict[str, Any]] = self._connection.get(ARTIFACTS, path=f"{self._root}/{folder}").get("files", [])
        return {file["path"]: int(file["file_size"]) for file in files if not file["is_dir"]}

    def _ask(self, path: str, question: Callable[[], T]) -> T:
        where = f"{self.url}/{path}"
        return self._retrying.ask(where, lambda: translated(where, question))


class _Stream:
    """One file on its way; who asks for a later part waits for who asks for an earlier one."""

    def __init__(self, open_file: Callable[[], BaseHTTPResponse]) -> None:
        self._open_file = open_file
        self._response: BaseHTTPResponse | None = None
        self._turn = threading.Condition()
        self._given, self._closed = 0, False

    def take(self, start: int, end: int, ask: Callable[[Callable[[], bytes]], bytes]) -> memoryview:
        with self._turn:
            self._turn.wait_for(lambda: self._closed or self._given == start)
        if self._closed:
            raise PullError("the download was given up")
        try:
            content = ask(lambda: self._read(start, end))
        except BaseException:
            self.close()
            raise
        with self._turn:
            self._given = end
            self._turn.notify_all()
        return memoryview(content)

    def close(self) -> None:
        with self._turn:
            self._closed = True
            self._turn.notify_all()

    def _read(self, start: int, end: int) -> bytes:
        try:
            if self._response is None:
                self._response = self._open_file()
                for skipped in range(0, start, SKIPPED_BYTES):
                    self._response.read(min(SKIPPED_BYTES, start - skipped))
            return self._response.read(end - start)
        except (HTTPError, OSError) as error:
            if self._response:
                self._response.close()
            self._response = None
            raise PassingError(reason(error)) from None


def translated(where: str, question: Callable[[], T]) -> T:
    """The answer; raises what a server refuses as `PullError`, and what may pass as `PassingError`."""
    try:
        return question()
    except MlflowError as error:
        if error.is_passing:
            raise PassingError(error.reason) from None
        if error.is_forbidden:
            raise PullError(str(error)) from None
        raise PullError(f"{where} must be there, got {error.reason}; register it, or name another") from None
