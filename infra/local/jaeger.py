"""Jaeger, which keeps the latest traces in memory."""

from infra.local.service import ServiceArgs
from infra.versions import image

UI_PORT, OTLP_PORT = 16686, 4318
COLLECTOR = f"http://jaeger:{OTLP_PORT}"
"""Where it takes OTLP over HTTP (https://www.jaegertracing.io/docs/latest/apis/)."""


def jaeger(published: int) -> ServiceArgs:
    """The all-in-one configuration that is inside the image (https://www.jaegertracing.io/docs/latest/getting-started/)."""
    return ServiceArgs(
        name="jaeger",
        image=image("jaeger"),
        user="10001",
        memory_mib=1024,
        port=UI_PORT,
        published=published,
        scratch={"/tmp": "size=16m"},  # noqa: S108 a tmpfs of the container's own
    )
