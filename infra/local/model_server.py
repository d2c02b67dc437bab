"""The model server on this machine, on CPU."""

from collections.abc import Mapping

import pulumi

from inference_app.contract import GRACE_SECONDS, PORT, USER_ID, Env, ExecutionProvider, Route, TraceSampler
from infra.local.service import ServiceArgs
from infra.serving.environment import server_environment, stated
from infra.settings.local import LocalSettings
from infra.settings.served import ModelSettings

HOST = "model-server"
PROVIDER = ExecutionProvider.CPU

_READY = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}{Route.READY}', timeout=2)"


def environment(model: ModelSettings, collector: str | None, latency_target_ms: float | None = None) -> dict[str, str]:
    """What the server is told; with a `collector` (URL) it sends the traces of all requests there.

    It counts how many requests keep `latency_target_ms`.
    """
    return server_environment(model, PROVIDER) | stated(
        {
            Env.HOST: "0.0.0.0",  # noqa: S104 the container's own network
            Env.PORT: PORT,
            # No load balancer has to learn that it stops.
            Env.DRAIN_SECONDS: 0,
            Env.LATENCY_TARGET_MS: latency_target_ms,
            Env.OTEL_EXPORTER_OTLP_ENDPOINT: collector,
            Env.OTEL_TRACES_SAMPLER: collector and TraceSampler.PARENTBASED_ALWAYS_ON,
        }
    )


def model_server(settings: LocalSettings, image: pulumi.Input[str], environment: Mapping[str, str]) -> ServiceArgs:
    """The server with nothing to write to but a /tmp in memory; ready once the model has answered."""
    return ServiceArgs(
        name=HOST,
        image=image,
        user=f"{USER_ID}:{USER_ID}",
        memory_mib=settings.memory_mib,
        port=PORT,
        published=settings.ports.model_server,
        environment=environment,
        scratch={"/tmp": "size=256m"},  # noqa: S108 a tmpfs of the container's own
        health=["python", "-c", _READY],
        stop_seconds=GRACE_SECONDS + 3,
    )
