"""The files of Prometheus and Grafana, read as those programs read them."""

import json
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
from infra.monitoring.alerts import rule_groups
from infra.monitoring.dashboard import dashboard
from infra.settings.monitoring import MonitoringSettings, ObjectiveSettings

OBJECTIVES = ObjectiveSettings.model_validate({"p95LatencyMs": 100.0})
PROMTOOL = shutil.which("promtool")


def config() -> Any:
    return yaml.safe_load(prometheus.files(OBJECTIVES)[f"{prometheus.FOLDER}/prometheus.yml"])


def test_prometheus_scrapes_the_server_where_it_answers() -> None:
    (job,) = config()["scrape_configs"]

    assert job["job_name"] == HOST
    assert job["metrics_path"] == Route.METRICS
    assert job["static_configs"] == [{"targets": [f"model-server:{PORT}"]}]


def test_the_rules_are_the_clusters_for_the_job_that_is_scraped() -> None:
    (path,) = config()["rule_files"]
    (job,) = config()["scrape_configs"]
    groups = yaml.safe_load(prometheus.files(OBJECTIVES)[path])["groups"]

    assert groups == rule_groups(OBJECTIVES, f'job="{job["job_name"]}"', ExecutionProvider.CPU)


def test_series_are_kept_as_the_settings_say_in_prometheuss_own_units() -> None:
    command = (
        prometheus.prometheus(MonitoringSettings.model_validate({"retentionDays": 3, "storage": "500Mi"}), 9090).command
        or ()
    )

    assert "--storage.tsdb.retention.time=3d" in command
    assert "--storage.tsdb.retention.size=500MB" in command


def test_the_dashboard_is_the_clusters_and_is_found_where_grafana_is_told_to_look() -> None:
    files = grafana.files()
    (provider,) = json.loads(files[f"{grafana.PROVISIONING}/dashboards/local.yaml"])["providers"]

    assert files[grafana.HOME] == dashboard("Model server", prometheus.SELECTOR)
    assert Path(grafana.HOME).parent == Path(provider["options"]["path"])


def test_grafana_asks_prometheus_by_default_and_knows_how_often_it_scrapes() -> None:
    sources = json.loads(grafana.files()[f"{grafana.PROVISIONING}/datasources/local.yaml"])["datasources"]
    by_type = {source["type"]: source for source in sources}

    assert by_type["prometheus"]["url"] == "http://prometheus:9090"
    assert by_type["prometheus"]["isDefault"] is True
    assert by_type["prometheus"]["jsonData"]["timeInterval"] == config()["global"]["scrape_interval"]
    assert by_type["jaeger"]["url"] == f"http://jaeger:{UI_PORT}"


def test_traces_go_to_the_host_that_jaeger_has() -> None:
    assert f"http://{jaeger(1).name}:4318" == COLLECTOR


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The files of Prometheus below a folder, their own paths in them following."""
    for path, text in prometheus.files(OBJECTIVES).items():
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
    assert "6 rules found" in checked.stdout


@needs_promtool
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [("prometheus.yml", "scrape_configs", "scrape_config"), ("rules.yml", "sum(", "summ(")],
)
def test_prometheus_refuses_a_mistake_in_either(written: Path, file: str, right: str, wrong: str) -> None:
    path = written / file
    path.write_text(path.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")

    assert promtool("check", "config", str(written / "prometheus.yml")).returncode != 0
