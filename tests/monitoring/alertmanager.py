"""A real Alertmanager whose messages stay on this machine, and those who hear them."""

import re
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Mapping
from email import message_from_string
from email.message import Message
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import yaml

from infra.monitoring.alertmanager import TEMPLATE
from tests.processes import HOST, Process, free_port

WAITS = {"group_wait": "1s", "group_interval": "2s", "repeat_interval": "1h"}


class Alertmanager:
    """Starts and stops; `configuration` is a stack's, told on loopback."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any], mail: str, pager_duty: str) -> None:
        self.address = f"{HOST}:{free_port()}"
        self._folder = folder
        self._file = write(folder, on_loopback(configuration, mail, pager_duty))

    def process(self) -> Process:
        """It running, for as long as the context lasts."""
        options = {
            "config.file": self._file,
            "storage.path": self._folder / "alertmanager",
            "web.listen-address": self.address,
            "web.external-url": f"http://{self.address}",
            "cluster.listen-address": "",
        }
        found = tool("alertmanager")
        return Process("alertmanager", [found, *(f"--{k}={v}" for k, v in options.items())], self._folder)


def on_loopback(configuration: Mapping[str, Any], mail: str, pager_duty: str) -> dict[str, Any]:
    """The same, with addresses of this machine for the world's, and without the waits of minutes."""
    route = configuration["route"]
    own = {"smtp_smarthost": mail, "smtp_require_tls": False, "pagerduty_url": pager_duty}
    return {
        **configuration,
        "global": {**configuration["global"], **own},
        "route": {**route, **WAITS, "routes": [{**each, **WAITS} for each in route["routes"]]},
    }


def write(folder: Path, configuration: Mapping[str, Any]) -> Path:
    """The file that Alertmanager reads, with the repository's template."""
    path = folder / "alertmanager.yaml"
    known = {**configuration, "templates": [str(TEMPLATE)]}
    if tool_version() < (0, 26):
        known["receivers"] = [_with_addresses(receiver) for receiver in configuration["receivers"]]
    path.write_text(yaml.safe_dump(known), encoding="utf-8")
    return path


def _with_addresses(receiver: Mapping[str, Any]) -> dict[str, Any]:
    """Webhooks with their address: Debian's Alertmanager is older than `url_file`, of 0.26."""
    hooks = [
        {key: value for key, value in hook.items() if key != "url_file"} | {"url": Path(hook["url_file"]).read_text()}
        for hook in receiver.get("webhook_configs", [])
    ]
    return {**receiver, **({"webhook_configs": hooks} if hooks else {})}


def tool(name: str) -> str:
    """Where `alertmanager` or `amtool` is; Debian has a longer name for the first."""
    found = shutil.which(name) or shutil.which(f"prometheus-{name}")
    if found is None:
        pytest.skip(f"{name} is needed (Debian: apt install prometheus-alertmanager)")
    return found


@cache
def tool_version() -> tuple[int, int]:
    """Alertmanager's; one that was built without a number counts as new."""
    done = subprocess.run([tool("amtool"), "--version"], capture_output=True, text=True, check=True)
    number = re.search(r"version ([0-9]+)\.([0-9]+)", done.stdout + done.stderr)
    return (int(number[1]), int(number[2])) if number else (1, 0)


class MailServer:
    """Takes every mail, from whoever logs in, and keeps it."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.logins: list[str] = []
        self._server = socketserver.ThreadingTCPServer((HOST, 0), self._session())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _session(self) -> type[socketserver.StreamRequestHandler]:
        kept = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 ready")
                while line := self.rfile.readline().decode().strip():
                    verb = line.partition(" ")[0].upper()
                    if verb == "AUTH":
                        kept.logins.append(line)
                    if verb == "DATA":
                        self._say("354 go on")
                        kept.mails.append(self._mail())
                    answers = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "QUIT": "221 bye"}
                    self._say(answers.get(verb, "250 ok"))
                    if verb == "QUIT":
                        return

            def _mail(self) -> Message:
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                return message_from_string("".join(lines))

            def _say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        return Session
