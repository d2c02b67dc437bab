"""Spans to a collector: OTLP over HTTP by the OpenTelemetry SDK's own exporter.

The SDK reads its environment variables: OTEL_EXPORTER_OTLP_ENDPOINT and its kin, OTEL_SERVICE_NAME,
OTEL_RESOURCE_ATTRIBUTES. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_SCHEDULE_DELAY
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource

from inference_app import __version__, otlp

DEFAULT_SERVICE_NAME = "inference-platform"
SCHEDULE_DELAY_MS = 5000


class SpanExport(OTLPSpanExporter):
    """Exports what other requests have become; used by one thread only.

    How it sends, retries and compresses is the base's; it is given bytes, which rests on its exact pin.
    """

    def __init__(self) -> None:
        super().__init__()
        self.every_seconds = int(os.environ.get(OTEL_BSP_SCHEDULE_DELAY) or SCHEDULE_DELAY_MS) / 1000
        self._resource = otlp.resource(_resource())
        self._scope = otlp.scope("inference_app", __version__)

    def send(self, spans: list[bytes]) -> None:
        """Export spans; takes as long as the base's timeout allows. What fails is logged and lost."""
        if spans:
            self._client.export(otlp.request(self._resource, self._scope, spans))


def _resource() -> dict[str, str | int]:
    defaults = {SERVICE_NAME: DEFAULT_SERVICE_NAME, SERVICE_VERSION: __version__}
    found = Resource.create({**defaults, **OTELResourceDetector().detect().attributes}).attributes
    return {key: value if isinstance(value, int) else str(value) for key, value in found.items()}
