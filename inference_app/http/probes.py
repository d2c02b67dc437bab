"""What is answered from memory: probes and metrics."""

from collections.abc import Callable

import orjson

from inference_app.contract import Route
from inference_app.models import Models
from inference_app.protocols.call import Answer, Headers


def make(models: Models) -> dict[str, Callable[[Headers], Answer]]:
    """Path to answer; each raises `NotReady` where the answer is no."""

    def health(_: Headers) -> Answer:
        """Live unless only a restart would help, such as when a model hangs."""
        models.require_live()
        return _json({"status": "live"})

    def ready(_: Headers) -> Answer:
        """Ready when every model answers and the server does not stop; `models` are their versions by name."""
        models.require_ready()
        return _json(
            {"status": "ready", "models": {name: slot.model.metadata.version for name, slot in models.slots.items()}}
        )

    def v2_live(_: Headers) -> Answer:
        """Live, by the Open Inference Protocol."""
        models.require_live()
        return _json({"live": True})

    def v2_ready(_: Headers) -> Answer:
        """Ready, by the Open Inference Protocol."""
        # The specification's text names the field `live`, its schema `ready`.
        models.require_ready()
        return _json({"live": True, "ready": True})

    def metrics(headers: Headers) -> Answer:
        """Metrics for Prometheus."""
        content, content_type = models.metrics.exposition(headers.get(b"accept", b"").decode("latin-1"))
        return Answer(content, content_type.encode())

    return {
        Route.HEALTH: health,
        Route.READY: ready,
        Route.PING: ready,
        Route.METRICS: metrics,
        f"{Route.V2}/health/live": v2_live,
        f"{Route.V2}/health/ready": v2_ready,
    }


def _json(value: dict[str, object]) -> Answer:
    return Answer(orjson.dumps(value))
