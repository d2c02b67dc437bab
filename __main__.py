"""The table of contents of a stack: a component for every block of its settings."""

import pulumi

from infra.clouds.cloud import Cloud, Stack
from infra.endpoint import Endpoint
from infra.images.model_image import ModelImage, ModelImageArgs
from infra.settings import load
from infra.workloads import run_on

settings = load()
tags = {"project": pulumi.get_project(), "stack": pulumi.get_stack(), "managed-by": "pulumi"}
stack = Stack(settings=settings, name=f"{pulumi.get_project()}-{pulumi.get_stack()}", tags={**settings.tags, **tags})
clouds: list[Cloud] = []

if settings.aws:  # imported here, so that a stack loads the clouds it uses
    from infra.clouds.aws.cloud import Aws

    clouds.append(Aws(stack, settings.aws))

image: ModelImage | None = None
if settings.image:
    registries = {cloud.name: cloud.registry for cloud in clouds if cloud.registry}
    image = ModelImage("image", ModelImageArgs(settings=settings.image, registries=registries))
    pulumi.export("image", image.refs)

endpoints: dict[str, Endpoint] = {}
for cloud in clouds:
    ref = image.refs[cloud.name] if image else None
    for cluster in cloud.clusters():
        pulumi.export(f"{cluster.name}-kubeconfig", cluster.kubeconfig)
        endpoints.update(run_on(cluster, settings, ref))
    if ref:
        endpoints.update(cloud.endpoints(ref))
pulumi.export("endpoints", {name: endpoint.exported() for name, endpoint in endpoints.items()})
