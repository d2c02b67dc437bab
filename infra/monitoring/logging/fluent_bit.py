"""Fluent Bit: reads what the containers of a node write, and brings it to a store (https://fluentbit.io)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

from infra.charts import release
from infra.clusters.cluster import LogStore, ServiceAccount
from infra.monitoring import service_monitor
from infra.monitoring.alerts import telemetry
from infra.monitoring.logging.pipeline import METRICS_PORT, Folders, configuration
from infra.monitoring.namespace import NAMESPACE
from infra.namespaces.network import from_namespace, policy, to_dns

NAME = "fluent-bit"
LABELS = {"app.kubernetes.io/name": NAME}
ACCOUNT = ServiceAccount(namespace=NAMESPACE, name=NAME)
"""Whom it runs as, and writes to a store of a cloud as."""

UNREAD = f"{NAME}-*_{NAMESPACE}_{NAME}-*.log"
"""Its own files: a complaint of a store that refuses lines would be the next line for it."""

FILE = "pipeline.yaml"


@dataclass(frozen=True, kw_only=True)
class FluentBitArgs:
    """Lines of `namespaces`, of all where it is empty, go to `store`; `after` brings the namespace of monitoring.

    `runbooks` is where alerts send people.
    """

    namespaces: Sequence[str]
    store: LogStore
    runbooks: str
    chart_mirror: str | None = None
    after: Sequence[pulumi.Resource] = ()


class FluentBit(pulumi.ComponentResource):
    """An agent on every node, beside Prometheus and Grafana, where host paths may be read already.

    It has no rights at the API server, and sends to names, to the store and nowhere else.
    """

    def __init__(self, name: str, args: FluentBitArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:FluentBit", name, None, opts)
        closed = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata={"name": NAME, "namespace": NAMESPACE},
            spec=network_policy(args.store),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after] or None),
        )
        service_monitor.define(
            name,
            {"name": NAME, "namespace": NAMESPACE},
            {"PrometheusRule": {"groups": telemetry.logs(NAMESPACE).groups(args.runbooks)}},
            pulumi.ResourceOptions(parent=self, depends_on=[*args.after] or None),
        )
        installed = release(
            name,
            NAME,
            namespace=NAMESPACE,
            values=values(args.store, args.namespaces),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed, *args.after, *args.store.identity.after]),
        )
        self.register_outputs({"release": installed.name})


def network_policy(store: LogStore) -> NetworkPolicySpecArgsDict:
    """In comes a scrape, out go questions for names and lines."""
    return policy(LABELS, from_namespace(NAMESPACE, METRICS_PORT), [to_dns(), *store.egress])


def values(store: LogStore, namespaces: Sequence[str]) -> dict[str, Any]:
    """The chart's values (https://github.com/fluent/helm-charts/blob/main/charts/fluent-bit/values.yaml)."""
    folders = Folders()
    file = yaml.safe_dump(configuration(store.output, namespaces, [UNREAD], folders), sort_keys=False)
    return {
        "testFramework": {"enabled": False},
        "serviceAccount": {
            "name": ACCOUNT.name,
            "annotations": dict(store.identity.annotations),
            "automountServiceAccountToken": False,
        },
        "rbac": {"create": False},
        "podLabels": dict(store.identity.pod_labels),
        "config": {
            **dict.fromkeys(("service", "inputs", "filters", "outputs", "customParsers"), ""),
            "extraFiles": {FILE: file},
        },
        "args": ["--workdir=/fluent-bit/etc", f"--config=/fluent-bit/etc/conf/{FILE}"],
        "env": [
            {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
            for variable, (secret, key) in store.secrets.items()
        ],
        # Only root reads the containers' files, and it may do nothing else.
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **_volumes(folders),
        # A node without it is a node that nobody hears of: GPU nodes, spot nodes and those of any other taint.
        "tolerations": [{"operator": "Exists"}],
        # It was not there when a full node's other pods came.
        "priorityClassName": "system-node-critical",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "20%"}},
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "serviceMonitor": {"enabled": True},
    }


def _volumes(folders: Folders) -> dict[str, Any]:
    """The node's logs to read, and a folder of its own."""
    return {
        "daemonSetVolumes": [
            {"name": "logs", "hostPath": {"path": "/var/log"}},
            {"name": "state", "hostPath": {"path": folders.state, "type": "DirectoryOrCreate"}},
        ],
        "daemonSetVolumeMounts": [
            {"name": "logs", "mountPath": "/var/log", "readOnly": True},
            {"name": "state", "mountPath": folders.state},
        ],
    }
