"""The table of contents of a stack: a component for every block of its settings."""

import pulumi

from infra.clouds.cloud import Cloud, Stack
from infra.clusters.draining import Drains
from infra.endpoint import Endpoint
from infra.settings import load
from infra.stack_images import stack_images
from infra.workloads import run_on

settings = load()
tags = {"project": pulumi.get_project(), "stack": pulumi.get_stack(), "managed-by": "pulumi"}
name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
stack = Stack(settings=settings, name=name, tags={**settings.tags, **tags}, drains=Drains())
clouds: list[Cloud] = []
endpoints: dict[str, Endpoint] = {}

if settings.aws:  # imported here, so that a stack loads the clouds it uses
    from infra.clouds.aws.cloud import Aws

    clouds.append(Aws(stack, settings.aws))
if settings.azure:
    from infra.clouds.azure.cloud import Azure

    clouds.append(Azure(stack, settings.azure))
if settings.existing:
    from infra.clouds.existing import Existing

    clouds.append(Existing(stack, settings.existing))

images = stack_images(settings, clouds)
for cloud in clouds:
    addons: list[pulumi.Resource] = []
    for cluster in cloud.clusters():
        pulumi.export(f"{cluster.name}-kubeconfig", cluster.kubeconfig)
        workloads = run_on(cluster, settings, images[cloud.name])
        endpoints.update(workloads.endpoints)
        addons.extend(workloads.addons)
    if ref := images[cloud.name].model:
        endpoints.update(cloud.endpoints(ref, addons))

if settings.local and settings.model:
    from infra.local.stack import LocalStack, LocalStackArgs

    local_args = LocalStackArgs(
        settings=settings.local, model=settings.model, image=settings.image, monitoring=settings.monitoring
    )
    local = LocalStack("local", local_args)
    pulumi.export("local", local.urls)
    if local.grafana:
        pulumi.export("local-grafana", local.grafana)
    endpoints.update(local.endpoints)

pulumi.export("endpoints", {name: endpoint.exported() for name, endpoint in endpoints.items()})
