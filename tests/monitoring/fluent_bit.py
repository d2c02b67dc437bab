"""A Fluent Bit on a node of one folder, and what it sent.

It is configured as on a real node, but for its folders, its port, the store's address, and how soon it tries again.
"""

import gzip
import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.monitoring.logging.fluent_bit import UNREAD
from infra.monitoring.logging.loki import PASSWORD
from infra.monitoring.logging.pipeline import Folders, configuration
from tests.loopback import Request
from tests.monitoring import server_lines
from tests.processes import HOST, Process, free_port, until

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
"""When containerd took every line; ours have times of their own."""

SECRET = "Hunter2-planted-password"


@dataclass(frozen=True)
class Kept:
    """One line where it arrived: `at` in nanoseconds, `around` what is known of it beside the line itself."""

    at: int
    line: str
    around: Mapping[str, str]


def pushed(request: Request) -> list[Kept]:
    """Lines of one push (https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs)."""
    streams = json.loads(gzip.decompress(request.body))["streams"]
    return [
        Kept(int(at), line, {**stream["stream"], **metadata})
        for stream in streams
        for at, line, metadata in stream["values"]
    ]


def binary() -> str:
    """Where it is; skips the test where it is not."""
    found = shutil.which("fluent-bit")
    if found is None:
        pytest.skip("Fluent Bit is not on PATH; https://docs.fluentbit.io/manual/installation says how to get it")
    return found


@contextmanager
def fluent_bit(
    folder: Path, output: Mapping[str, Any], store: str, namespaces: Sequence[str] = (), port: int = 0
) -> Generator[Process]:
    """A Fluent Bit that reads `folder`/logs and writes to `store`, where a Loki or CloudWatch stands in.

    It answers at `port`, at any free one where that is 0.
    """
    there = httpx.URL(store)
    # CloudWatch's is always encrypted.
    address = {"endpoint": there.host} if output["name"] == "cloudwatch_logs" else {"host": there.host, "tls": False}
    folders = Folders(logs=str(folder / "logs"), state=str(folder / "state"))
    whole = configuration({**output, **address, "port": there.port}, namespaces, [UNREAD], folders)
    whole["service"] = {**whole["service"], "http_port": port or free_port(), "scheduler.base": 1, "scheduler.cap": 2}
    file = folder / "pipeline.yaml"
    file.write_text(yaml.safe_dump(whole))
    (folder / "state").mkdir(exist_ok=True)
    environment = {PASSWORD: SECRET, "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": SECRET}
    with Process("fluent-bit", [binary(), f"--config={file}"], folder, environment) as process:
        until(lambda: _answers(whole["service"]["http_port"]), "answer of Fluent Bit", processes=[process])
        yield process


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/").is_success
    except httpx.TransportError:
        return False


def container(folder: Path, pod: str, namespace: str, name: str, lines: Sequence[str]) -> None:
    """Its file, where and as the kubelet links it."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    (logs / f"{pod}_{namespace}_{name}-{'0' * 64}.log").write_text(server_lines.kept(lines, AT))
