"""Grafana with the dashboard that clusters have."""

import json

import pulumi

from infra.local import jaeger, prometheus
from infra.local.service import ServiceArgs
from infra.monitoring.dashboard import dashboard
from infra.versions import image

PORT = 3000
USER = "admin"
PROVISIONING = "/etc/grafana/provisioning"
DASHBOARDS = "/etc/grafana/dashboards"
HOME = f"{DASHBOARDS}/model-server.json"


def files() -> dict[str, str]:
    """Data sources and dashboard by path; JSON is YAML (https://grafana.com/docs/grafana/latest/administration/provisioning/)."""
    sources = [
        {
            **_source("prometheus", f"http://prometheus:{prometheus.PORT}"),
            "isDefault": True,
            "jsonData": {"timeInterval": prometheus.SCRAPE_INTERVAL},
        },
        _source("jaeger", f"http://jaeger:{jaeger.UI_PORT}"),
    ]
    provider = {"name": "inference-platform", "type": "file", "options": {"path": DASHBOARDS}}
    return {
        f"{PROVISIONING}/datasources/local.yaml": json.dumps({"apiVersion": 1, "datasources": sources}),
        f"{PROVISIONING}/dashboards/local.yaml": json.dumps({"apiVersion": 1, "providers": [provider]}),
        HOME: dashboard("Model server", prometheus.SELECTOR),
    }


def grafana(published: int, password: pulumi.Input[str]) -> ServiceArgs:
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
        files=files(),
        health=["wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/api/health"],
    )


def _source(type_: str, url: str) -> dict[str, object]:
    return {"name": type_.title(), "uid": type_, "type": type_, "url": url, "access": "proxy"}
