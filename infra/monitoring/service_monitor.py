"""What Prometheus reads of a Service, whatever its pods run."""

from collections.abc import Mapping
from typing import Any, Protocol

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
