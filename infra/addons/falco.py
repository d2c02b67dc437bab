"""Falco: reports what running containers do and should not (https://falco.org)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

from infra.charts import PodSecurity, release, release_namespace
from infra.namespaces.network import from_namespace, policy
from infra.settings.security import FalcoSettings

NAMESPACE = "falco"
METRICS_PORT = 8765


@dataclass(frozen=True, kw_only=True)
class FalcoArgs:
    """`scraper` is the namespace whose Prometheus reads the metrics; `after` brings it and its definitions."""

    settings: FalcoSettings
    scraper: str | None = None
    chart_mirror: str | None = None
    after: Sequence[pulumi.Resource] = ()


class Falco(pulumi.ComponentResource):
    """An agent on every node, which talks to nobody: findings go to its own log, as JSON."""

    def __init__(self, name: str, args: FalcoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:Falco", name, None, opts)
        # It loads a probe into the kernel and reads the node's files, which no stricter level allows.
        namespace = release_namespace(name, NAMESPACE, self, PodSecurity.PRIVILEGED)
        closed = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata={"name": NAMESPACE, "namespace": NAMESPACE},
            spec=network_policy(args.scraper),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        release(
            name,
            "falco",
            namespace=NAMESPACE,
            values=values(args.settings, scraped=args.scraper is not None),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed, *args.after]),
        )
        self.register_outputs({"namespace": NAMESPACE})


def network_policy(scraper: str | None) -> NetworkPolicySpecArgsDict:
    """Nothing in but a scrape, nothing out at all: findings leave by the log, events come from the kernel."""
    return policy({}, ingress=from_namespace(scraper, METRICS_PORT))


def values(settings: FalcoSettings, *, scraped: bool) -> dict[str, Any]:
    """The chart's values (https://github.com/falcosecurity/charts/blob/master/charts/falco/values.yaml)."""
    return {
        # It is in Falco itself: nothing is built on the node or downloaded to it.
        "driver": {"kind": "modern_ebpf", "modernEbpf": {"leastPrivileged": True}},
        # The probe needs what AppArmor's default profile forbids; the chart says so in an annotation of old.
        "podSecurityContext": {"appArmorProfile": {"type": "Unconfined"}},
        # A node without it is a node where nobody looks: GPU nodes, spot nodes and those of any other taint.
        "tolerations": [{"operator": "Exists"}],
        # The rules and the plugin of the pinned image, not whatever is newest when a node starts.
        "falcoctl": {"artifact": {"install": {"enabled": False}, "follow": {"enabled": False}}},
        "falco": {
            # The image's own files there name the plugin once more: https://github.com/falcosecurity/charts/issues/1057
            "config_files": [],
            "priority": settings.priority.value,
            "json_output": True,
            "time_format_iso_8601": True,
            # A container has no syslog.
            "syslog_output": {"enabled": False},
        },
        "metrics": {"enabled": scraped},
        "serviceMonitor": {"create": scraped},
    }
