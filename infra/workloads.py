"""What runs on every cluster of a stack, whichever cloud runs the cluster."""

from collections.abc import Mapping

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


def run_on(cluster: Cluster, settings: StackSettings, image: pulumi.Input[str] | None) -> Mapping[str, Endpoint]:
    """Put add-ons, monitoring and the model server on `cluster`; return where the model is served, by name."""
    name, opts, mirror = cluster.name, pulumi.ResourceOptions(providers=[cluster.provider]), settings.charts.mirror
    after: list[pulumi.Resource] = []
    if not cluster.has_gpu_operator:
        gpus_args = GpuOperatorArgs(
            time_slices=cluster.gpu_time_slices,
            taints=cluster.gpu_taints,
            runtime_class=cluster.gpu_runtime_class,
            chart_mirror=mirror,
        )
        after.append(GpuOperator(f"{name}-gpu-operator", gpus_args, opts))
    prometheus: Prometheus | None = None
    if settings.monitoring:
        prometheus_args = PrometheusArgs(
            settings=settings.monitoring, storage_class=cluster.storage_class, chart_mirror=mirror
        )
        prometheus = Prometheus(f"{name}-prometheus", prometheus_args, opts)
        pulumi.export(f"{name}-grafana", prometheus.grafana)
    if not (settings.model and settings.serving and image):
        return {}
    if settings.serving.replicas.min_outside_office_hours is not None:
        after.append(Keda(f"{name}-keda", KedaArgs(chart_mirror=mirror), opts))
    server_args = ModelServerArgs(
        model=settings.model,
        settings=settings.serving,
        cluster=cluster,
        image=image,
        office_hours=settings.office_hours,
        scrapers=[MONITORING] if prometheus else [],
        after=after,
    )
    server = ModelServer(f"{name}-model-server", server_args, opts)
    if settings.monitoring and prometheus:
        seen_args = ServiceMonitoringArgs(
            objectives=settings.monitoring.objectives, service=server, namespace=MONITORING, after=[prometheus]
        )
        ServiceMonitoring(f"{name}-model-server-monitoring", seen_args, opts)
    return {name: server.endpoint}
