"""What runs on every cluster of a stack, whichever cloud runs the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from infra.addons.gpu_operator import GpuOperator, GpuOperatorArgs
from infra.addons.keda import Keda, KedaArgs
from infra.clusters.cluster import Cluster
from infra.endpoint import Endpoint
from infra.monitoring.prometheus import NAMESPACE as MONITORING
from infra.monitoring.prometheus import Prometheus, PrometheusArgs
from infra.monitoring.service import ServiceMonitoring, ServiceMonitoringArgs
from infra.serving.model_server import ModelServer, ModelServerArgs
from infra.settings import StackSettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings


@dataclass(frozen=True, kw_only=True)
class Workloads:
    """What a cluster got, for whatever else is to run there, and where it serves the model, by name."""

    addons: Sequence[pulumi.Resource]
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict[str, Endpoint])


def run_on(cluster: Cluster, settings: StackSettings, image: pulumi.Input[str] | None) -> Workloads:
    """Put add-ons, monitoring and the model server on `cluster`."""
    gpus = [] if cluster.has_gpu_operator else [_gpu_operator(cluster, settings)]
    seen = [_prometheus(cluster, settings, settings.monitoring)] if settings.monitoring else []
    if not (settings.model and settings.serving and image):
        return Workloads(addons=[*gpus, *seen])
    server = _model_server(cluster, settings, settings.model, settings.serving, image, gpus)
    if settings.monitoring:
        args = ServiceMonitoringArgs(
            objectives=settings.monitoring.objectives, service=server, namespace=MONITORING, after=seen
        )
        ServiceMonitoring(f"{cluster.name}-model-server-monitoring", args, _on(cluster))
    return Workloads(addons=[*gpus, *seen], endpoints={cluster.name: server.endpoint})


def _gpu_operator(cluster: Cluster, settings: StackSettings) -> GpuOperator:
    args = GpuOperatorArgs(
        time_slices=cluster.gpu_time_slices,
        taints=cluster.gpu_taints,
        runtime_class=cluster.gpu_runtime_class,
        chart_mirror=settings.charts.mirror,
    )
    return GpuOperator(f"{cluster.name}-gpu-operator", args, _on(cluster))


def _prometheus(cluster: Cluster, settings: StackSettings, monitoring: MonitoringSettings) -> Prometheus:
    args = PrometheusArgs(settings=monitoring, storage_class=cluster.storage_class, chart_mirror=settings.charts.mirror)
    prometheus = Prometheus(f"{cluster.name}-prometheus", args, _on(cluster))
    pulumi.export(f"{cluster.name}-grafana", prometheus.grafana)
    return prometheus


def _model_server(
    cluster: Cluster,
    settings: StackSettings,
    model: ModelSettings,
    serving: ServingSettings,
    image: pulumi.Input[str],
    gpus: Sequence[pulumi.Resource],
) -> ModelServer:
    after = [*gpus]
    if serving.replicas.min_outside_office_hours is not None:
        after.append(Keda(f"{cluster.name}-keda", KedaArgs(chart_mirror=settings.charts.mirror), _on(cluster)))
    args = ModelServerArgs(
        model=model,
        settings=serving,
        cluster=cluster,
        image=image,
        office_hours=settings.office_hours,
        scrapers=[MONITORING] if settings.monitoring else [],
        after=after,
    )
    return ModelServer(f"{cluster.name}-model-server", args, _on(cluster))


def _on(cluster: Cluster) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=[cluster.provider])
