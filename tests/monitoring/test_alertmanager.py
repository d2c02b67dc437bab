"""Who hears of an alert, and what, from a real Prometheus and a real Alertmanager with a stack's configuration."""

import base64
import contextlib
import json
import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from inference_app.contract import MODEL_INFO, READY, ExecutionProvider
from infra.monitoring.alertmanager import CRITICAL, GONE, HEARTBEAT, NOBODY, WARNING, configuration
from infra.monitoring.alerts import Watched, servers
from infra.settings.monitoring import MonitoringSettings, ObjectiveSettings
from infra.settings.notifications import NotificationSettings
from tests.loopback import Loopback, Request, Response
from tests.monitoring.alertmanager import Alertmanager, MailServer, tool, write
from tests.monitoring.prometheus import Prometheus, Target
from tests.processes import Process, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SERVER = {
    "address": "smtp.example.com:587",
    "sender": "alerts@example.com",
    "userName": "alerts",
    "password": "alerts-smtp",
}
MAILS: dict[str, Any] = {"warning": {"emails": ["team@example.com"]}, "mailServer": SERVER}
PAGED: dict[str, Any] = {
    "critical": {
        "slack": {"webhook": "alerts-slack", "channel": "#oncall"},
        "pagerDuty": {"routingKey": "alerts-pagerduty"},
    }
}
EVERYTHING: dict[str, Any] = {**MAILS, **PAGED, "heartbeat": {"url": "alerts-heartbeat"}}
STACKS: dict[str, dict[str, Any]] = {
    "dev": {"warning": {"slack": {"webhook": "alerts-slack"}}},
    "prod": EVERYTHING,
    "lab": {},
}
LABELS = {"cluster": "eks", "environment": "prod"}
RUNBOOKS = "https://git.example.com/runbooks/alerts.md"
LOST, SLOW = "NoServerReady", "WrongExecutionProvider"
CANARY, STABLE = "canary", "stable"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder that Alertmanager mounts, with what a store had; a file that somebody edited ends its line."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("alerts-slack", "alerts-heartbeat", "alerts-webhook"):
        (folder / name).write_text(f"http://localhost/{name}")
    (folder / "alerts-pagerduty").write_text("a routing key\n")
    (folder / "alerts-smtp").write_text("a password")
    return folder


def of(block: Mapping[str, Any], secrets: Path) -> dict[str, Any]:
    return configuration(NotificationSettings.model_validate_json(json.dumps(block)), str(secrets))


def amtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("amtool"), *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "block",
    [
        *STACKS.values(),
        MAILS,
        PAGED,
        {"critical": {"webhook": {"url": "alerts-webhook"}}},
        {**MAILS, "mailServer": {"address": "relay.example.com:25", "sender": "alerts@example.com"}},
    ],
)
def test_amtool_takes_the_configuration(block: dict[str, Any], secrets: Path, tmp_path: Path) -> None:
    checked = amtool("check-config", write(tmp_path, of(block, secrets)))

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 templates" in checked.stdout


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_amtool_takes_what_each_stack_of_the_repository_says(stack: str, secrets: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    monitoring = MonitoringSettings.model_validate_json(json.dumps(config["inference-platform:monitoring"]))
    settings = monitoring.notifications or NotificationSettings()
    for name in settings.secrets:
        (secrets / name).write_text("http://localhost")

    checked = amtool("check-config", write(tmp_path, configuration(settings, str(secrets))))

    assert checked.returncode == 0, checked.stdout + checked.stderr


MISTAKES: dict[str, Callable[[dict[str, Any]], object]] = {
    "undefined receiver": lambda c: c["route"]["routes"][0].update(receiver="nobody-else"),
    "bad matcher format": lambda c: c["route"]["routes"][0].update(matchers=["severity critical"]),
    "field routing_key_path not found": lambda c: c["receivers"][1].update(
        pagerduty_configs=[{"routing_key_path": "/a"}]
    ),
    "no global SMTP smarthost": lambda c: c["global"].pop("smtp_smarthost"),
}


@pytest.mark.parametrize("told", MISTAKES)
def test_amtool_would_have_told_of_a_mistake(told: str, secrets: Path, tmp_path: Path) -> None:
    wrong = of(EVERYTHING, secrets)
    MISTAKES[told](wrong)

    checked = amtool("check-config", write(tmp_path, wrong))

    assert checked.returncode == 1
    assert told in checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("environment", "labels", "receiver"),
    [
        ("prod", "severity=critical", CRITICAL),
        ("prod", "severity=warning", WARNING),
        ("prod", "severity=info", NOBODY),
        ("prod", "alertname=Watchdog severity=none", HEARTBEAT),
        ("prod", "alertname=InfoInhibitor severity=none", NOBODY),
        ("dev", "severity=critical", CRITICAL),  # those of warning
        ("dev", "severity=warning", WARNING),
        ("dev", "alertname=Watchdog severity=none", NOBODY),
        ("lab", "severity=critical", NOBODY),
        ("lab", "severity=warning", NOBODY),
    ],
)
def test_an_alert_goes_to_the_receiver_of_its_severity_in_its_environment(
    environment: str, labels: str, receiver: str, secrets: Path, tmp_path: Path
) -> None:
    file = write(tmp_path, of(STACKS[environment], secrets))

    tested = amtool("config", "routes", "test", f"--config.file={file}", *labels.split(), f"environment={environment}")

    assert tested.stdout.split() == [receiver]


@dataclass(frozen=True, kw_only=True)
class Server:
    """One track's metrics, as the test wants them."""

    metrics: dict[str, float]

    def answer(self, request: Request) -> Response:
        """They, in Prometheus' text."""
        del request
        text = "".join(f"{name} {value:g}\n" for name, value in self.metrics.items())
        return Response(headers={"Content-Type": "text/plain; version=0.0.4"}, body=text.encode())


ELSEWHERE = f'{MODEL_INFO.name}{{execution_provider="{ExecutionProvider.CPU}"}}'


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Two tracks, both on the wrong processor and one not ready, and everybody who may hear of it."""

    tracks: Mapping[str, Server]
    alertmanager: str
    slack: Loopback
    pager_duty: Loopback
    heartbeat: Loopback
    mail: MailServer
    processes: tuple[Process, ...]

    def hears(self, found: Callable[[], Any], what: str) -> Any:
        """What somebody hears, once it is there."""
        return until(found, what, 40, self.processes)

    def slack_of(self, start: str) -> dict[str, Any] | None:
        """The message to Slack whose title begins so."""
        told = [json.loads(each.body) for each in self.slack.requests]
        return next((each for each in told if each["attachments"][0]["title"].startswith(start)), None)

    def paged(self, action: str) -> dict[str, Any] | None:
        """The event of PagerDuty with that action."""
        told = [json.loads(each.body) for each in self.pager_duty.requests]
        return next((each for each in told if each["event_action"] == action), None)

    def mailed(self, *words: str) -> str | None:
        """The text of the mail whose subject has those words."""
        found = [each for each in self.mail.mails if all(word in str(each["Subject"]) for word in words)]
        parts = [part for mail in found[:1] for part in mail.walk() if part.get_content_type() == "text/plain"]
        return "".join(bytes(part.get_payload(decode=True)).decode() for part in parts) or None  # pyright: ignore

    def state(self, alert: str, track: str) -> str | None:
        """What Alertmanager does with an alert."""
        found = httpx.get(f"http://{self.alertmanager}/api/v2/alerts", timeout=10).json()
        mine = [each for each in found if (each["labels"]["alertname"], each["labels"].get("track")) == (alert, track)]
        return mine[0]["status"]["state"] if mine else None


def rules() -> list[dict[str, Any]]:
    """Two of the service's rules without their patience, and one as the chart's Watchdog."""
    watched = Watched(labels={"namespace": "serving"}, by="track", expected={CANARY: None, STABLE: None})
    alerts = servers.alerts(ObjectiveSettings(), watched, ExecutionProvider.CUDA)
    own = [each.rule(RUNBOOKS, watched.labels) | {"for": "0s"} for each in alerts if each.name in (LOST, SLOW)]
    watchdog = {"alert": "Watchdog", "expr": f"count({READY.name})", "labels": {"severity": "none"}}
    return [{"name": "model-server", "rules": [*own, watchdog]}]


MONITOR: dict[str, Any] = {
    "metadata": {"name": "model-server"},
    "spec": {
        "namespaceSelector": {"matchNames": ["serving"]},
        "endpoints": [{"path": "/metrics", "interval": "1s"}],
        "podTargetLabels": ["track"],
    },
}


def taken(request: Request) -> Response:
    """As Slack answers, which Alertmanager looks at, and as the others may."""
    del request
    return Response(headers={"Content-Type": "text/plain"}, body=b"ok")


def knows_its_alertmanager(prometheus: Prometheus) -> bool:
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.get(f"{prometheus.url}/api/v1/alertmanagers", timeout=10)
        return answer.is_success and bool(answer.json()["data"]["activeAlertmanagers"])
    return False


@pytest.fixture
def scene(tmp_path: Path, secrets: Path) -> Generator[Scene]:
    tracks = {CANARY: Server(metrics={}), STABLE: Server(metrics={})}
    with ExitStack() as stack:
        slack, pager_duty, heartbeat = (stack.enter_context(Loopback(taken)) for _ in range(3))
        (secrets / "alerts-slack").write_text(f"{slack.url}/services/T0/B0/token")
        (secrets / "alerts-heartbeat").write_text(heartbeat.url)
        mail = stack.enter_context(MailServer())
        alertmanager = Alertmanager(tmp_path, of(EVERYTHING, secrets), mail.address, pager_duty.url)
        targets = [
            Target(
                address=stack.enter_context(Loopback(server.answer)).url.removeprefix("http://"),
                pod=f"model-server-{track}",
                labels={"track": track},
            )
            for track, server in tracks.items()
        ]
        prometheus = Prometheus(
            tmp_path,
            targets,
            MONITOR,
            interval="1s",
            rules=rules(),
            alertmanager=alertmanager.address,
            external_labels=LABELS,
        )
        processes = [stack.enter_context(each.process()) for each in (alertmanager, prometheus)]
        # Of what fired before, Prometheus would tell a minute later.
        until(lambda: knows_its_alertmanager(prometheus), "Alertmanager in Prometheus", 40, processes)
        for track, ready in {CANARY: 0, STABLE: 1}.items():
            tracks[track].metrics.update({READY.name: ready, ELSEWHERE: 1})
        yield Scene(
            tracks=tracks,
            alertmanager=alertmanager.address,
            slack=slack,
            pager_duty=pager_duty,
            heartbeat=heartbeat,
            mail=mail,
            processes=tuple(processes),
        )


def test_people_hear_of_what_is_wrong_once_and_when_it_is_over(scene: Scene) -> None:
    slack = scene.hears(lambda: scene.slack_of("[CRITICAL]"), "message to Slack")["attachments"][0]
    page = scene.hears(lambda: scene.paged("trigger"), "page")
    mail = scene.hears(lambda: scene.mailed("WARNING", STABLE), "mail about the other track")
    muted = scene.state(SLOW, CANARY)

    assert slack["title"] == f"[CRITICAL] prod: {LOST} in serving, track {CANARY}"
    assert (page["routing_key"], page["payload"]["severity"]) == ("a routing key", "critical")
    assert page["payload"]["summary"] == slack["title"]
    assert page["payload"]["custom_details"]["runbook"] == f"{RUNBOOKS}#{LOST.lower()}"
    for text, alert, severity, summary in (
        (slack["text"], LOST, "critical", "No model server is ready"),
        (page["payload"]["custom_details"]["text"], LOST, "critical", "No model server is ready"),
        (mail, SLOW, "warning", "A model server answers from another execution provider"),
    ):
        assert "Environment: prod, cluster eks" in text
        assert f"Severity: {severity}" in text
        assert summary in text
        assert f"Runbook: {RUNBOOKS}#{alert.lower()}" in text
        assert f"Silence: http://{scene.alertmanager}/#/silences/new?filter=%7Bseverity%3D%22{severity}%22" in text
    # The canary's processor is explained by its not being there at all.
    assert muted == "suppressed"
    assert scene.mailed("WARNING", CANARY) is None

    scene.tracks[CANARY].metrics[READY.name] = 1
    resolved = scene.hears(lambda: scene.slack_of("[RESOLVED]"), "resolved message to Slack")["attachments"][0]
    scene.hears(lambda: scene.paged("resolve"), "end of the page")
    scene.hears(lambda: scene.mailed("WARNING", CANARY), "mail about what is left")
    for server in scene.tracks.values():
        del server.metrics[ELSEWHERE]
    scene.hears(lambda: scene.mailed("RESOLVED", STABLE) and scene.mailed("RESOLVED", CANARY), "mails that it is over")

    assert resolved["title"] == f"[RESOLVED] prod: {LOST} in serving, track {CANARY}"
    assert "Resolved: No model server is ready" in resolved["text"]
    assert "Silence:" not in resolved["text"]


def test_mail_is_sent_by_who_the_settings_say_and_the_heartbeat_beats(scene: Scene) -> None:
    scene.hears(lambda: scene.mailed("WARNING"), "mail")
    beat = json.loads(scene.hears(lambda: scene.heartbeat.requests, "heartbeat")[0].body)

    mail = scene.mail.mails[0]
    login = base64.b64decode(scene.mail.logins[0].split()[-1]).decode()
    assert (mail["From"], mail["To"]) == ("alerts@example.com", "team@example.com")
    assert login == "\0alerts\0a password"
    assert (beat["status"], beat["commonLabels"]["alertname"]) == ("firing", "Watchdog")
    assert beat["commonLabels"]["environment"] == "prod"


def test_what_mutes_others_is_an_alert_of_the_service() -> None:
    watched = Watched(labels={"namespace": "serving"})
    known = {each.name for each in servers.alerts(ObjectiveSettings(), watched, ExecutionProvider.CUDA)}

    assert set(GONE) <= known
