"""Grafana with those of the clusters' dashboards that need the server only."""

import json

import pulumi

from inference_app.contract import TRACE_ID
from infra.local import jaeger, prometheus
from infra.local.model_server import HOST as SERVER
from infra.local.service import ServiceArgs
from infra.monitoring.dashboards import Subject, dashboards
from infra.settings.monitoring import MonitoringSettings
from infra.versions import image

PORT = 3000
USER = "admin"
PROVISIONING = "/etc/grafana/provisioning"
DASHBOARDS = "/etc/grafana/dashboards"
HOME = f"{DASHBOARDS}/{SERVER}-service.json"


def files(settings: MonitoringSettings) -> dict[str, str]:
    """Data sources and dashboards by path; JSON is YAML (https://grafana.com/docs/grafana/latest/administration/provisioning/)."""
    traces = _source("jaeger", f"http://jaeger:{jaeger.UI_PORT}")
    sources = [
        {
            **_source("prometheus", f"http://prometheus:{prometheus.PORT}"),
            "isDefault": True,
            "jsonData": {
                "timeInterval": prometheus.SCRAPE_INTERVAL,
                "exemplarTraceIdDestinations": [{"name": TRACE_ID, "datasourceUid": traces["uid"]}],
            },
        },
        traces,
    ]
    subject = Subject(name=SERVER, selector=prometheus.SELECTOR, settings=settings)
    provider = {"name": "inference-platform", "type": "file", "options": {"path": DASHBOARDS}}
    return {
        f"{PROVISIONING}/datasources/local.yaml": json.dumps({"apiVersion": 1, "datasources": sources}),
        f"{PROVISIONING}/dashboards/local.yaml": json.dumps({"apiVersion": 1, "providers": [provider]}),
        **{f"{DASHBOARDS}/{name}": text for name, text in dashboards(subject).items()},
    }


def grafana(settings: MonitoringSettings, published: int, password: pulumi.Input[str]) -> ServiceArgs:
    """Nobody sees anything without the login, and nothing is sent to its makers."""
    return ServiceArgs(
        name="grafana",
        image=image("grafana"),
        user="472",
        memory_mib=512,
        port=PORT,
        published=published,
        environment={
            "GF_SECURITY_ADMIN_USER": USER,
            "GF_SECURITY_ADMIN_PASSWORD": password,
            "GF_SECURITY_DISABLE_GRAVATAR": "true",
            "GF_AUTH_ANONYMOUS_ENABLED": "false",
            "GF_USERS_ALLOW_SIGN_UP": "false",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
            "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": HOME,
        },
        files=files(settings),
        health=["wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/api/health"],
    )


def _source(type_: str, url: str) -> dict[str, object]:
    return {"name": type_.title(), "uid": type_, "type": type_, "url": url, "access": "proxy"}
