"""nginx and HAProxy in front of the servers, as Debian has them; neither asks a second server when one fails."""

import os
import shutil
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self

from inference_app.contract import Route
from tests.drills.client import SERVER_HEADER
from tests.processes import Process, free_port, until

HOST = "127.0.0.1"
CHECK_SECONDS, CHECK_FAILURES = 0.25, 2
"""How often HAProxy looks whether a server is ready, and how many failures in a row take it out."""
NOTICE_SECONDS = CHECK_SECONDS * (CHECK_FAILURES + 1)
"""Within which HAProxy has noticed: a server may fail just after a look."""


class MissingProxyError(Exception):
    """The program is not there; the message says how to get it."""


class Proxy(ABC):
    """A proxy whose list of servers changes while it runs, for as long as the context lasts."""

    package: str
    """Debian's."""
    watches_readiness: bool
    """Whether it finds out by itself that a server stops."""

    def __init__(self, folder: Path) -> None:
        """`folder` gets the configuration and the log. Raises `MissingProxyError`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._configuration = folder / "proxy.conf"
        self._port = free_port()
        self._process = Process("proxy", self._command(self._program()), folder)

    @property
    def url(self) -> str:
        """Where clients ask."""
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self._configuration.write_text(self._text([]), encoding="utf-8")
        self._process.__enter__()
        until(self._listens, "proxy that listens", processes=[self._process])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.__exit__(kind, error, at)

    @abstractmethod
    def use(self, servers: Sequence[str]) -> None:
        """Send requests to these and no others from now on; each is `host:port`."""

    @abstractmethod
    def _command(self, program: Path) -> list[str | Path]: ...

    @abstractmethod
    def _text(self, servers: Sequence[str]) -> str:
        """Its configuration."""

    @classmethod
    def _program(cls) -> Path:
        name = cls.__name__.lower()
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
        if found is None:
            raise MissingProxyError(f"{name} is missing: apt-get install --no-install-recommends {cls.package}")
        return Path(found)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self._port)) == 0


class Nginx(Proxy):
    """nginx has no active health checks: its list is a file that it reads again, as an ingress controller has it do.

    Its clients open a connection for each request: nginx before 1.27.4 closes idle ones when it reads the file, with
    whatever is on its way through them (https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_min_timeout).
    """

    package = "nginx-light"
    watches_readiness = False
    _generation = 0

    def use(self, servers: Sequence[str]) -> None:
        """Write the list and have it read; returns when new connections meet it."""
        self._generation += 1
        self._configuration.write_text(self._text(servers), encoding="utf-8")
        os.kill(self._process.pid, signal.SIGHUP)
        until(self._has_read, "nginx that has read its list", processes=[self._process])

    def _command(self, program: Path) -> list[str | Path]:
        return [program, "-p", self._folder, "-c", self._configuration, "-e", "stderr"]

    def _text(self, servers: Sequence[str]) -> str:
        upstream = "".join(f"server {server} max_fails=0; " for server in servers)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return f"""
daemon off;
pid nginx.pid;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  {"".join(f"{kind}_temp_path temp; " for kind in kinds)}
  keepalive_timeout 0;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_next_upstream off;
  {f"upstream servers {{ {upstream} keepalive 16; }}" if servers else ""}
  server {{
    listen {HOST}:{self._port};
    location = /generation {{ return 200 {self._generation}; }}
    location / {{
      {"proxy_pass http://servers;" if servers else "return 503;"}
      add_header {SERVER_HEADER} $upstream_addr always;
    }}
  }}
}}
"""

    def _has_read(self) -> bool:
        with closing(HTTPConnection(HOST, self._port, timeout=5)) as connection:
            connection.request("GET", "/generation")
            return int(connection.getresponse().read()) == self._generation


class HAProxy(Proxy):
    """HAProxy looks at `/ready` itself; new servers get a free slot over its socket."""

    package = "haproxy"
    watches_readiness = True
    slots = 8

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._used: dict[str, int] = {}

    def use(self, servers: Sequence[str]) -> None:
        """Change what has changed."""
        for server in self._used.keys() - set(servers):
            self._set(self._used.pop(server), "state maint")
        for server in servers:
            if server not in self._used:
                slot = min(set(range(1, self.slots + 1)) - set(self._used.values()))
                host, port = server.split(":")
                self._set(slot, f"addr {host} port {port}")
                self._set(slot, "state ready")
                self._used[server] = slot

    def _command(self, program: Path) -> list[str | Path]:
        return [program, "-db", "-f", self._configuration]

    def _text(self, servers: Sequence[str]) -> str:
        del servers
        milliseconds = round(CHECK_SECONDS * 1000)
        return f"""
global
  stats socket {self._folder}/socket level admin
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 30s
  timeout check 2s
  retries 0
  http-reuse always
listen servers
  bind {HOST}:{self._port}
  option httpchk GET {Route.READY}
  http-check expect status 200
  http-after-response set-header {SERVER_HEADER} %[srv_name]
  default-server check inter {milliseconds} fall {CHECK_FAILURES} rise 1 observe layer4 error-limit 1 on-error mark-down
  server-template server 1-{self.slots} {HOST}:1 disabled
"""

    def _set(self, slot: int, what: str) -> None:
        with socket.socket(socket.AF_UNIX) as told:
            told.connect(str(self._folder / "socket"))
            told.sendall(f"set server servers/server{slot} {what}\n".encode())
            said = told.makefile().read().strip()
        if said and not said.startswith(("IP changed", "no need to change")):
            raise RuntimeError(f"HAProxy on {what}: {said}")


PROXIES: Mapping[str, type[Proxy]] = {"nginx": Nginx, "HAProxy": HAProxy}
