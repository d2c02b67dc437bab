"""What the real server writes in a life with everything in it, and how a node keeps it."""

import hashlib
import logging
import signal
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from inference_app import repository
from inference_app.contract import Env, Route, TraceSampler
from inference_app.logs import JsonFormatter
from inference_app.process import ServerProcess
from tests.drills import versions
from tests.loopback import Loopback, Response

TOKEN = "Hunter2-planted-token"
SENT = "Hunter2-planted-input"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACED = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}

HOOK = """
def preprocess(body, content_type):
    raise KeyError("größe fehlt\\nsecond line")
"""

PIECE = 16 * 1024
"""Where containerd cuts a line (https://github.com/containerd/containerd/blob/main/internal/cri/config/config.go)."""


def written(folder: Path) -> list[str]:
    """Lines of one server that is switched, asked wrongly and made to fail, and of one with two workers."""
    root = folder / "models"
    made = versions.write(root, 2)
    _hooked(made[-1])
    made[-1].directory.with_name("broken").mkdir()
    with Loopback(lambda _: Response()) as collector:
        environment: dict[str, str] = {
            Env.MODEL_REPOSITORY: str(root),
            Env.ADMIN_TOKEN: TOKEN,
            Env.DRAIN_SECONDS: "0",
            Env.OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
            Env.OTEL_TRACES_SAMPLER: TraceSampler.PARENTBASED_TRACEIDRATIO,
            Env.OTEL_TRACES_SAMPLER_ARG: "0",
        }
        with ServerProcess(environment) as one, ServerProcess({**environment, Env.WORKERS: "2"}) as two:
            _asked(one.url())
            two.until("listening", times=2)
            for server in (one, two):
                server.send(signal.SIGTERM)
                server.wait()
    return [line.rstrip("\n") for server in (one, two) for line in server.output]


def _hooked(version: repository.ModelVersion) -> None:
    """Give a version a hook that fails."""
    (version.directory / "preprocess.py").write_text(HOOK)
    changes = {"hook_sha256": hashlib.sha256(HOOK.encode()).hexdigest(), "preprocessing": None}
    repository.write(version.directory / "metadata.json", version.metadata.model_copy(update=changes))


def _asked(url: str) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as client:
        client.post(Route.PREDICT, content=SENT)
        client.post(Route.SWITCH_MODEL, json={"version": "2"})
        client.post(Route.PREDICT, content=SENT, headers=TRACED)
        client.post(Route.SWITCH_MODEL, json={"version": "broken"})
        client.post(Route.SWITCH_MODEL, json={"version": "1"})


def made_up() -> list[str]:
    """What no short life shows: a line that containerd cuts, a whole second, text of all kinds."""
    texts, now = ("über\n" * PIECE, "日本 \t\"'\\ \u2028 \x00", ""), int(datetime.now(UTC).timestamp())
    given = {"name": "inference_app", "levelname": "ERROR", "created": float(now)}
    return [JsonFormatter().format(logging.makeLogRecord({**given, "msg": text})) for text in texts]


def kept(lines: Iterable[str], at: datetime) -> str:
    """The lines as containerd writes them into the container's file."""
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    return "".join(f"{stamp} stdout {mark} {piece}\n" for line in lines for mark, piece in _pieces(line))


def _pieces(line: str) -> Sequence[tuple[str, str]]:
    """A line in pieces of whole characters, partial but for the last."""
    content, found = line.encode(), list[str]()
    while content:
        end = PIECE
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        found.append(content[:end].decode())
        content = content[end:]
    return [*(("P", piece) for piece in found[:-1]), ("F", found[-1] if found else "")]
