"""Load by wrk (https://github.com/wg/wrk): a closed loop of so many connections from one thread."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.requests import Request

SCRIPT = Path(__file__).with_name("post.lua")
TIMEOUT_SECONDS = 60
"""Longer than any server may take, so that a slow one is measured and not reported as broken."""


class WrkFailed(Exception):  # noqa: N818 - wrk did
    """wrk ended without a result; the message holds its words."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What wrk counted; latencies in milliseconds, `errors` are answers other than 2xx and broken connections."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def run(url: str, request: Request, concurrency: int, seconds: int, script: Path = SCRIPT) -> Load:
    """Send what wrk's `script` makes of `request` over `concurrency` connections for so many seconds.

    Raises `WrkFailed`.
    """
    with tempfile.NamedTemporaryFile() as body:
        body.write(request.body)
        body.flush()
        headers = [text for pair in request.all_headers().items() for text in pair]
        load = ["-t1", f"-c{concurrency}", f"-d{seconds}s", f"--timeout={TIMEOUT_SECONDS}s", f"--script={script}"]
        command = ["wrk", *load, url + request.path, "--", body.name, *headers]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + TIMEOUT_SECONDS, check=False)
    return parse(done.stdout + done.stderr)


def parse(output: str) -> Load:
    """The result from the line of JSON that the script writes last; raises `WrkFailed` without one."""
    line = next((line for line in reversed(output.splitlines()) if line.startswith("{")), None)
    if line is None:
        raise WrkFailed(output.strip() or "wrk said nothing")
    counted = json.loads(line)
    return Load(
        per_second=counted["requests"] * 1e6 / counted["microseconds"],
        p50_ms=counted["p50"] / 1000,
        p99_ms=counted["p99"] / 1000,
        errors=counted["non_2xx"] + counted["broken"],
    )
