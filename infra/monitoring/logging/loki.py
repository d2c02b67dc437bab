"""Loki as a store of lines."""

from collections.abc import Mapping
from typing import Any

from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict

from inference_app.contract import TRACE_ID
from infra.clusters.cluster import LogStore
from infra.namespaces.network import peer, to_anywhere
from infra.settings.logs import LokiAddress, LokiSettings

UID = "loki"
PASSWORD = "LOKI_PASSWORD"  # noqa: S105 a variable's name


def loki_store(settings: LokiSettings, labels: Mapping[str, str], secret_name: str | None = None) -> LogStore:
    """Loki, where the cluster's lines bear `labels`, which tell them from those of others.

    The Secret of that name, in the namespace of monitoring, has the password under the password's own name.
    """
    login, secrets = settings.basic_auth, {}
    if login and secret_name:
        secrets = {PASSWORD: (secret_name, login.password)}
    return LogStore(output=output(settings, labels), egress=[way(settings.address)], secrets=secrets)


def way(address: LokiAddress) -> NetworkPolicyEgressRuleArgsDict:
    """The port, or in the cluster every one, since a Service's pods may listen on another than it does."""
    return {"to": [peer(address.namespace)]} if address.namespace else to_anywhere(address.port)


def output(settings: LokiSettings, given: Mapping[str, str]) -> Mapping[str, Any]:
    """Fluent Bit's output (https://docs.fluentbit.io/manual/data-pipeline/outputs/loki).

    Labels are few and each has few values, since every combination is a stream of its own; what a line says of itself,
    and its pod, is structured metadata (https://grafana.com/docs/loki/latest/get-started/labels/structured-metadata/).
    """
    address, login = settings.address, settings.basic_auth
    namespace, container, pod = (f"$kubernetes['{key}_name']" for key in ("namespace", "container", "pod"))
    labels = {**given, "namespace": namespace, "container": container}
    found: dict[str, Any] = {
        "name": "loki",
        "host": address.host,
        "port": address.port,
        "tls": address.namespace is None,
        "compress": "gzip",
        "labels": ", ".join(f"{key}={value}" for key, value in labels.items()),
        "structured_metadata": f"pod={pod}, level=$level, {TRACE_ID}=${TRACE_ID}",
        "remove_keys": "kubernetes",
        # Text is sent as it was written.
        "drop_single_key": "raw",
    }
    if settings.tenant:
        found["tenant_id"] = settings.tenant
    return {**found, "http_user": login.user_name, "http_passwd": f"${{{PASSWORD}}}"} if login else found


def data_source(settings: LokiSettings, traces: str | None = None) -> dict[str, Any]:
    """Loki as Grafana's data source, with links to the data source `traces`, by its UID.

    Where Loki asks for a password, Grafana needs it in the same variable as Fluent Bit.
    https://grafana.com/docs/grafana/latest/datasources/loki/configure-loki-data-source/
    """
    found: dict[str, Any] = {"name": "Loki", "type": "loki", "uid": UID, "access": "proxy", "url": settings.url}
    json: dict[str, Any] = {}
    secure: dict[str, str] = {}
    if settings.tenant:
        json["httpHeaderName1"], secure["httpHeaderValue1"] = "X-Scope-OrgID", settings.tenant
    if settings.basic_auth:
        found |= {"basicAuth": True, "basicAuthUser": settings.basic_auth.user_name}
        secure["basicAuthPassword"] = f"${PASSWORD}"
    if traces:
        json["derivedFields"] = [
            {
                "name": "Trace",
                "matcherType": "label",
                "matcherRegex": TRACE_ID,
                "datasourceUid": traces,
                # Grafana itself replaces what has one dollar.
                "url": "$${__value.raw}",
            }
        ]
    return {**found, "jsonData": json, "secureJsonData": secure}
