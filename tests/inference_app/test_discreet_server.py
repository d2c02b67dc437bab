"""A real process at its most talkative: nothing that clients send is in what it writes or exports."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess
from tests.inference_app.collector import Collector

pytestmark = pytest.mark.slow

MARK = "m4rk3d"
KEY = f"{MARK}-the-right-key-for-models"
TOKEN = f"{MARK}-the-right-token-for-admins"
HOOK = "def preprocess(body, content_type):\n    return {}[body.decode()]\n"
ALWAYS = {"time", "level", "logger", "message"}


@pytest.fixture
def hooked_repository(own_repository: Path) -> Path:
    """A repository whose model has a preprocessing of its own that fails on whatever it gets."""
    folder = own_repository / "digits" / "1"
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["preprocessing"] = None
    metadata["hook_sha256"] = hashlib.sha256(HOOK.encode()).hexdigest()
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "preprocess.py").write_text(HOOK)
    return own_repository


def requests() -> list[dict[str, Any]]:
    """Some that are answered and some that are refused, each with the mark in a place of its own."""
    right = {"X-API-Key": KEY}
    wrong = {"Authorization": f"Bearer {MARK}", "Cookie": f"session={MARK}"}
    admin = {"Authorization": f"Bearer {TOKEN}"}
    sent = f'{{"inputs": [["{MARK}"]]}}'
    traced = {"traceparent": f"00-{7:032x}-{7:016x}-01-{MARK}", "baggage": f"user={MARK}"}
    return [
        {"url": "/predict", "headers": {**right, "Content-Type": "application/json"}, "content": sent},
        {"url": "/predict", "headers": {**right, "Content-Type": "application/json"}, "content": MARK},
        {"url": "/predict", "headers": {**right, "Content-Type": "audio/wav"}, "content": MARK},
        {"url": "/predict", "headers": {**right, "Content-Type": f"x/{MARK}"}, "content": MARK},
        {"url": "/predict", "headers": {**right, **traced}, "content": sent},
        {"url": "/predict", "headers": {**right, "timeout": MARK}, "content": sent},
        {"url": "/predict", "headers": wrong, "content": sent},
        {"url": f"/predict?user={MARK}", "headers": right, "content": sent},
        {"url": f"/predict/{MARK}", "headers": right, "content": sent},
        {"url": "/v2/models/digits/infer", "headers": right, "content": sent},
        {"url": f"/v2/models/{MARK}/infer", "headers": right, "content": sent},
        {"url": f"/v2/models/digits/versions/{MARK}/infer", "headers": right, "content": sent},
        {"url": f"/{MARK}", "headers": {**right, MARK: MARK}, "content": sent},
        {"url": "/admin/switch_model", "headers": wrong, "content": sent},
        {"url": "/admin/switch_model", "headers": admin, "json": {"model": MARK, "version": MARK}},
        {"url": f"/v2/repository/models/{MARK}/load", "headers": admin, "content": sent},
    ]


def test_nothing_that_clients_send_is_logged_or_exported(hooked_repository: Path) -> None:
    with Collector() as collector:
        environment = {
            "LOG_LEVEL": "DEBUG",
            "MODEL_REPOSITORY": str(hooked_repository),
            "API_KEYS": KEY,
            "ADMIN_TOKEN": TOKEN,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        with ServerProcess(environment) as process:
            process.until("ready")
            with httpx.Client(base_url=process.url()) as client:
                statuses = [client.post(**each).status_code for each in requests()]
            failed = process.until("failed")
            spans = collector.until(8)
    entries = [json.loads(line) for line in process.output]
    assert MARK not in "".join(process.output)
    assert all(entry.keys() >= ALWAYS for entry in entries)
    assert {400, 401, 404, 500} <= set(statuses)
    assert (failed["route"], failed["status"], failed["model"], failed["version"]) == ("/predict", 500, "digits", "1")
    assert failed["trace_id"] in {span.trace_id for span in spans}
    assert 0 < failed["duration_seconds"] < 60
    assert MARK not in repr(spans)
