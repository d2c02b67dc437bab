"""Prometheus with the alerts that clusters have."""

from collections.abc import Mapping

import yaml

from inference_app.contract import PORT as SERVER_PORT
from inference_app.contract import Route
from infra.local.model_server import HOST as SERVER
from infra.local.model_server import PROVIDER
from infra.local.service import ServiceArgs
from infra.monitoring.alerts import RuleSet, Watched, servers
from infra.settings.monitoring import MonitoringSettings
from infra.versions import image

PORT = 9090
SELECTOR = f'job="{SERVER}"'
"""What the dashboards select the server's metrics by."""
SCRAPE_INTERVAL = "15s"
FOLDER = "/etc/prometheus"
RULES = f"{FOLDER}/rules.yml"


def rule_set(settings: MonitoringSettings) -> RuleSet:
    """What clusters record and judge of the server itself; nothing here tells of autoscalers, nodes and GPUs."""
    watched = Watched(labels={"job": SERVER})
    return RuleSet(
        name=SERVER,
        labels=watched.labels,
        recordings=servers.recordings(settings.objectives, watched),
        alerts=servers.alerts(settings.objectives, watched, PROVIDER),
    )


def files(settings: MonitoringSettings) -> dict[str, str]:
    """Its configuration and rules by path (https://prometheus.io/docs/prometheus/latest/configuration/configuration/)."""
    server = {
        "job_name": SERVER,
        "metrics_path": Route.METRICS.value,
        "static_configs": [{"targets": [f"{SERVER}:{SERVER_PORT}"]}],
    }
    config = {
        "global": {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL},
        "rule_files": [RULES],
        "scrape_configs": [server],
    }
    return {
        f"{FOLDER}/prometheus.yml": _yaml(config),
        RULES: _yaml({"groups": rule_set(settings).groups(settings.runbooks)}),
    }


def prometheus(settings: MonitoringSettings, published: int) -> ServiceArgs:
    """Series are kept in a volume, as long and as large as the settings say."""
    data = "/prometheus"
    return ServiceArgs(
        name="prometheus",
        image=image("prometheus"),
        user="65534:65534",
        memory_mib=1024,
        port=PORT,
        published=published,
        command=[
            f"--config.file={FOLDER}/prometheus.yml",
            f"--storage.tsdb.path={data}",
            # Grafana leads from them to traces.
            "--enable-feature=exemplar-storage",
            f"--storage.tsdb.retention.time={settings.retention_days}d",
            # Its GB are powers of two (https://prometheus.io/docs/prometheus/latest/storage/#operational-aspects).
            f"--storage.tsdb.retention.size={settings.storage.replace('i', 'B')}",
        ],
        files=files(settings),
        data=data,
        health=["promtool", "check", "ready"],
        stop_seconds=30,
    )


def _yaml(document: Mapping[str, object]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=1000)
