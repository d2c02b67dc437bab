"""The table of contents of a stack: a component for every block of its settings."""

import pulumi

from infra.addons.gpu_operator import GpuOperator, GpuOperatorArgs
from infra.clusters.cluster import Cluster
from infra.images.model_image import ModelImage, ModelImageArgs
from infra.monitoring.prometheus import NAMESPACE as MONITORING
from infra.monitoring.prometheus import Prometheus, PrometheusArgs
from infra.monitoring.service import ServiceMonitoring, ServiceMonitoringArgs
from infra.serving.model_server import ModelServer, ModelServerArgs
from infra.settings import load

settings = load()
stack = f"{pulumi.get_project()}-{pulumi.get_stack()}"
tags = settings.tags | {"project": pulumi.get_project(), "stack": pulumi.get_stack(), "managed-by": "pulumi"}
mirror = settings.charts.mirror
clusters: list[Cluster] = []
image: ModelImage | None = None

if settings.aws:  # imported here, so that a stack loads the clouds it uses
    from infra.clusters.eks import EksCluster, EksClusterArgs, aws_provider
    from infra.images.ecr import EcrRepository, EcrRepositoryArgs

    in_aws = pulumi.ResourceOptions(providers=[aws_provider(settings.aws, tags)])
    if settings.image:
        registry_args = EcrRepositoryArgs(name=f"{stack}/model-server", settings=settings.image)
        registry = EcrRepository("registry", registry_args, in_aws)
        image = ModelImage("image", ModelImageArgs(settings=settings.image, registry=registry), in_aws)
        pulumi.export("image", image.ref)
    if settings.eks:
        eks_args = EksClusterArgs(aws=settings.aws, eks=settings.eks, name=stack, tags=tags, chart_mirror=mirror)
        clusters.append(EksCluster("eks", eks_args, in_aws))

for cluster in clusters:
    name, on_cluster = cluster.name, pulumi.ResourceOptions(providers=[cluster.provider])
    pulumi.export(f"{name}-kubeconfig", cluster.kubeconfig)
    gpus_args = GpuOperatorArgs(time_slices=cluster.gpu_time_slices, chart_mirror=mirror)
    gpus = GpuOperator(f"{name}-gpu-operator", gpus_args, on_cluster)
    prometheus: Prometheus | None = None
    if settings.monitoring:
        prometheus_args = PrometheusArgs(
            settings=settings.monitoring, storage_class=cluster.storage_class, chart_mirror=mirror
        )
        prometheus = Prometheus(f"{name}-prometheus", prometheus_args, on_cluster)
        pulumi.export(f"{name}-grafana", prometheus.grafana)
    if settings.serving and image:
        scrapers = [MONITORING] if prometheus else []
        server_args = ModelServerArgs(
            settings=settings.serving, cluster=cluster, image=image.ref, scrapers=scrapers, after=[gpus]
        )
        server = ModelServer(f"{name}-model-server", server_args, on_cluster)
        pulumi.export(f"{name}-url", server.url)
        if settings.monitoring and prometheus:
            seen_args = ServiceMonitoringArgs(
                objectives=settings.monitoring.objectives, service=server, namespace=MONITORING, after=[prometheus]
            )
            ServiceMonitoring(f"{name}-model-server-monitoring", seen_args, on_cluster)
