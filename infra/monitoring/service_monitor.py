"""What Prometheus reads of a Service and judges it by, whatever its pods run."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.monitoring.queries import SCRAPE_SECONDS


class ScrapedService(Protocol):
    """A Service whose pods tell metrics."""

    @property
    def namespace(self) -> str:
        """Its namespace."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the Service and its pods, and of nothing else in the namespace."""
        ...

    @property
    def port_name(self) -> str:
        """Name of the port that answers with metrics."""
        ...


def spec(service: ScrapedService, path: str) -> dict[str, Any]:
    """A ServiceMonitor of every pod behind the Service.

    https://prometheus-operator.dev/docs/api-reference/api/#servicemonitorspec
    """
    return {
        "namespaceSelector": {"matchNames": [service.namespace]},
        "selector": {"matchLabels": dict(service.labels)},
        "endpoints": [{"port": service.port_name, "path": path, "interval": f"{SCRAPE_SECONDS}s"}],
    }


def watch(
    name: str,
    metadata: ObjectMetaArgsDict,
    monitor: Mapping[str, Any],
    groups: Sequence[Mapping[str, Any]],
    opts: pulumi.ResourceOptions,
) -> None:
    """The ServiceMonitor and the PrometheusRule of one service, under one name."""
    define(name, metadata, {"ServiceMonitor": monitor, "PrometheusRule": {"groups": groups}}, opts)


def define(
    name: str, metadata: ObjectMetaArgsDict, specs: Mapping[str, Mapping[str, Any]], opts: pulumi.ResourceOptions
) -> None:
    """Objects of Prometheus' operator under one name, a spec for each kind."""
    for kind, spec in specs.items():
        kubernetes.apiextensions.CustomResource(
            name, api_version="monitoring.coreos.com/v1", kind=kind, metadata=metadata, spec=spec, opts=opts
        )
