"""What watches a cluster, whatever runs on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.monitoring.logging import fluent_bit
from infra.monitoring.logging.fluent_bit import FluentBit, FluentBitArgs
from infra.monitoring.logging.loki import loki_store
from infra.monitoring.namespace import NAMESPACE, MonitoringNamespace
from infra.monitoring.prometheus import Prometheus, PrometheusArgs
from infra.monitoring.secrets import LOKI
from infra.monitoring.tracing import jaeger
from infra.monitoring.tracing.tracing import Tracing, TracingArgs, tracing_limits
from infra.namespaces.workload_namespace import WorkloadNamespace, WorkloadNamespaceArgs
from infra.settings.access import AccessSettings
from infra.settings.logs import CloudLogSettings
from infra.settings.monitoring import MonitoringSettings
from infra.workloads.place import Place
from infra.workloads.secrets import monitoring_secrets


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """`seen` brings Prometheus and the definitions of its objects; empty in a stack without monitoring.

    `collector` is the URL that takes traces.
    """

    seen: Sequence[pulumi.Resource] = ()
    collector: str | None = None


def monitoring_of(place: Place) -> Monitoring:
    """Prometheus, Alertmanager and Grafana, and where the settings say so traces and logs."""
    settings = place.settings.monitoring
    if not settings:
        return Monitoring()
    namespace = MonitoringNamespace(place.name("monitoring"), place.on())
    copied = monitoring_secrets(place, settings, namespace)
    secrets: Mapping[str, str] = copied.names if copied else {}
    labels = {"cluster": place.cluster.name, "environment": pulumi.get_stack()}
    args = PrometheusArgs(
        settings=settings,
        storage_class=place.cluster.storage_class,
        labels=labels,
        after=[namespace, *([copied] if copied else [])],
        secrets=secrets,
        jaeger=jaeger.URL if settings.tracing else None,
        spot_labels=place.cluster.spot_labels,
        chart_mirror=place.mirror,
    )
    prometheus = Prometheus(place.name("prometheus"), args, place.on())
    pulumi.export(place.name("grafana"), prometheus.grafana)
    _logs(place, settings, labels, secrets, prometheus)
    return Monitoring(seen=[prometheus], collector=_tracing(place, settings, prometheus))


def _logs(
    place: Place,
    settings: MonitoringSettings,
    labels: Mapping[str, str],
    secrets: Mapping[str, str],
    prometheus: Prometheus,
) -> None:
    """Fluent Bit, where the settings say so and the cloud does not collect lines by itself."""
    logs = settings.logs
    if not logs:
        return
    if logs.loki:
        store = loki_store(logs.loki, labels, secrets.get(LOKI))
    else:
        kept = logs.cloud or CloudLogSettings()
        store = place.cluster.log_store(place.name("pod-logs"), fluent_bit.ACCOUNT, kept)
    if store:
        args = FluentBitArgs(
            namespaces=logs.namespaces,
            store=store,
            runbooks=settings.runbooks,
            chart_mirror=place.mirror,
            after=[prometheus],
        )
        FluentBit(place.name("fluent-bit"), args, place.on())


def _tracing(place: Place, settings: MonitoringSettings, prometheus: Prometheus) -> str | None:
    """Where traces go; None where nobody takes them."""
    if not settings.tracing:
        return None
    name, serving = place.name("tracing"), place.settings.serving
    namespace = WorkloadNamespaceArgs(namespace=Tracing.namespace, limits=tracing_limits(), access=AccessSettings())
    args = TracingArgs(
        settings=settings.tracing,
        storage_class=place.cluster.storage_class,
        namespace=WorkloadNamespace(f"{name}-namespace", namespace, place.on()),
        clients=[serving.namespace] if serving else [],
        monitoring=NAMESPACE,
        runbooks=settings.runbooks,
        after=[prometheus],
    )
    made = Tracing(name, args, place.on())
    pulumi.export(name, {"open": made.open, "url": made.url})
    return made.url
