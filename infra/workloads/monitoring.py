"""What watches a cluster, whatever runs on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.monitoring.prometheus import Prometheus, PrometheusArgs
from infra.workloads.place import Place


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """`seen` brings Prometheus and the definitions of its objects; empty in a stack without monitoring."""

    seen: Sequence[pulumi.Resource] = ()


def monitoring_of(place: Place) -> Monitoring:
    """Prometheus, Alertmanager and Grafana, where the settings have monitoring."""
    settings = place.settings.monitoring
    if not settings:
        return Monitoring()
    args = PrometheusArgs(settings=settings, storage_class=place.cluster.storage_class, chart_mirror=place.mirror)
    prometheus = Prometheus(place.name("prometheus"), args, place.on())
    pulumi.export(place.name("grafana"), prometheus.grafana)
    return Monitoring(seen=[prometheus])
