"""The model image in this machine's Docker."""

import pulumi
import pulumi_docker_build as docker_build

from infra.images.model_image import build, source_tag
from infra.settings.image import ImageSettings, Variant


class LocalImage(pulumi.ComponentResource):
    """The image that registries get, in its CPU variant and for this machine's platform, loaded instead of pushed.

    https://www.pulumi.com/registry/packages/docker-build/api-docs/image/
    """

    tag: pulumi.Output[str]

    def __init__(self, name: str, settings: ImageSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:local:LocalImage", name, None, opts)
        cpu = settings.model_copy(update={"variant": Variant.CPU})
        tag = f"{pulumi.get_project()}:{source_tag(cpu)}"
        built = docker_build.Image(
            name,
            **build(cpu),
            tags=[tag],
            load=True,
            push=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Through the build's id, so that whoever runs the image waits for it.
        self.tag = built.id.apply(lambda _: tag)
        self.register_outputs({"tag": self.tag})
