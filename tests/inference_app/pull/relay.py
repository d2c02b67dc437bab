"""A TCP relay that can refuse, cut off or hold back what a server answers."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

import httpx

UNAVAILABLE = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Relay:
    """Listens on a port of its own; the numbers may be changed while it runs."""

    def __init__(self, target: httpx.URL) -> None:
        self._target = (target.host, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.refused = 0
        self.cut = 0
        self.cut_after = 0
        self.hold_after: int | None = None
        self.held = threading.Event()
        self.released = threading.Event()
        self.connections = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.refused > 0:
                self.refused -= 1
                client.recv(65536)
                client.sendall(UNAVAILABLE)
                return
            with socket.create_connection(self._target) as server:
                up = threading.Thread(target=_copy, args=(client, server), daemon=True)
                up.start()
                self._answer(server, client)
                for each in (client, server):
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                up.join()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        while data := server.recv(65536):
            if self.cut > 0 and passed + len(data) > self.cut_after:
                self.cut -= 1
                client.sendall(data[: max(0, self.cut_after - passed)])
                return
            if self.hold_after is not None and passed + len(data) > self.hold_after:
                self.held.set()
                self.released.wait()
            client.sendall(data)
            passed += len(data)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
