"""The files of Prometheus and Grafana, read as those programs read them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from inference_app.contract import PORT, ExecutionProvider, Route
from infra.local import grafana, prometheus
from infra.local.jaeger import COLLECTOR, UI_PORT, jaeger
from infra.local.model_server import HOST
from infra.monitoring.dashboards import Subject, dashboards
from infra.settings.monitoring import MonitoringSettings

SETTINGS = MonitoringSettings.model_validate({"objectives": {"p95LatencyMs": 100.0}})
PROMTOOL = shutil.which("promtool")


def config() -> Any:
    return yaml.safe_load(prometheus.files(SETTINGS)[f"{prometheus.FOLDER}/prometheus.yml"])


def test_prometheus_scrapes_the_server_where_it_answers() -> None:
    (job,) = config()["scrape_configs"]

    assert job["job_name"] == HOST
    assert job["metrics_path"] == Route.METRICS
    assert job["static_configs"] == [{"targets": [f"model-server:{PORT}"]}]


def test_the_rules_are_about_the_job_that_is_scraped_and_about_nothing_that_only_clusters_have() -> None:
    (path,) = config()["rule_files"]
    (job,) = config()["scrape_configs"]
    (group,) = yaml.safe_load(prometheus.files(SETTINGS)[path])["groups"]
    alerts = {rule["alert"]: rule["expr"] for rule in group["rules"] if "alert" in rule}

    assert [name for name, expr in alerts.items() if f'job="{job["job_name"]}"' not in expr] == []
    assert [name for name, expr in alerts.items() if re.search(r"\b(kube_|DCGM_)|namespace=", expr)] == []
    assert f'execution_provider!="{ExecutionProvider.CPU}"' in alerts["WrongExecutionProvider"]
    assert {"HighLatency", "ErrorBudgetBurn", "MetricsMissing"} <= set(alerts)


def test_series_are_kept_as_the_settings_say_in_prometheuss_own_units() -> None:
    command = (
        prometheus.prometheus(MonitoringSettings.model_validate({"retentionDays": 3, "storage": "500Mi"}), 9090).command
        or ()
    )

    assert "--storage.tsdb.retention.time=3d" in command
    assert "--storage.tsdb.retention.size=500MB" in command


def test_the_dashboards_are_the_clusters_and_are_found_where_grafana_is_told_to_look() -> None:
    settings = MonitoringSettings()
    files = grafana.files(settings)
    boards = dashboards(Subject(name=HOST, selector=prometheus.SELECTOR, settings=settings))
    (provider,) = json.loads(files[f"{grafana.PROVISIONING}/dashboards/local.yaml"])["providers"]

    folder = Path(provider["options"]["path"])
    assert {Path(path).name: text for path, text in files.items() if Path(path).parent == folder} == boards
    assert grafana.HOME in files


def test_docker_has_no_dashboards_of_what_only_clusters_have() -> None:
    boards = [path for path in grafana.files(MonitoringSettings()) if path.startswith(grafana.DASHBOARDS)]

    assert [Path(path).name for path in boards] == [
        f"{HOST}-{name}.json" for name in ("service", "batching", "rollout")
    ]


def test_grafana_asks_prometheus_by_default_and_knows_how_often_it_scrapes() -> None:
    sources = json.loads(grafana.files(MonitoringSettings())[f"{grafana.PROVISIONING}/datasources/local.yaml"])[
        "datasources"
    ]
    by_type = {source["type"]: source for source in sources}

    assert by_type["prometheus"]["url"] == "http://prometheus:9090"
    assert by_type["prometheus"]["isDefault"] is True
    assert by_type["prometheus"]["jsonData"]["timeInterval"] == config()["global"]["scrape_interval"]
    assert by_type["jaeger"]["url"] == f"http://jaeger:{UI_PORT}"


def test_a_point_of_a_graph_leads_to_its_trace() -> None:
    files = grafana.files(MonitoringSettings())
    sources = json.loads(files[f"{grafana.PROVISIONING}/datasources/local.yaml"])["datasources"]
    by_type = {source["type"]: source for source in sources}

    assert by_type["prometheus"]["jsonData"]["exemplarTraceIdDestinations"] == [
        {"name": "trace_id", "datasourceUid": by_type["jaeger"]["uid"]}
    ]
    assert "--enable-feature=exemplar-storage" in (prometheus.prometheus(MonitoringSettings(), 9090).command or ())


def test_traces_go_to_the_host_that_jaeger_has() -> None:
    assert f"http://{jaeger(1).name}:4318" == COLLECTOR


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The files of Prometheus below a folder, their own paths in them following."""
    for path, text in prometheus.files(SETTINGS).items():
        file = tmp_path / Path(path).name
        file.write_text(text.replace(prometheus.FOLDER, str(tmp_path)), encoding="utf-8")
    return tmp_path


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROMTOOL or "", *arguments], capture_output=True, text=True, check=False)


needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is needed (Debian: apt install prometheus)")


@needs_promtool
def test_prometheus_itself_accepts_its_configuration_and_its_rules(written: Path) -> None:
    checked = promtool("check", "config", str(written / "prometheus.yml"))

    assert checked.returncode == 0, checked.stderr
    assert f"{len(prometheus.rule_set(SETTINGS).groups('')[0]['rules'])} rules found" in checked.stdout


@needs_promtool
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [("prometheus.yml", "scrape_configs", "scrape_config"), ("rules.yml", "sum(", "summ(")],
)
def test_prometheus_refuses_a_mistake_in_either(written: Path, file: str, right: str, wrong: str) -> None:
    path = written / file
    path.write_text(path.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")

    assert promtool("check", "config", str(written / "prometheus.yml")).returncode != 0
