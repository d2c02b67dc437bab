"""A stack's collector and Jaeger on loopback: real programs, with exactly the configurations that the stack gives them.

What differs is in `TraceStore.at_home` alone: addresses, and the folder that stands for the volume.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from infra.monitoring.tracing import collector, jaeger, pod
from infra.settings.tracing import TraceStoreSettings
from tests.processes import HOST, Process, free_port
from tests.programs.built import program


class TraceStore:
    """`collector` and `jaeger` start and stop by themselves; addresses and traces stay in between."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._query, self._taken, self._metrics = free_port(), free_port(), free_port()
        self._between = f"{HOST}:{free_port()}"
        self.endpoint = f"http://{HOST}:{self._taken}"
        self.metrics = f"http://{HOST}:{self._metrics}/metrics"

    def collector(self, **exporter: Any) -> Process:
        """Takes OTLP over HTTP at `endpoint`; `exporter` has settings of its exporter that take the place of others."""
        configuration = collector.configuration()
        configuration["exporters"]["otlp_grpc"] |= exporter
        return self._process("otelcol", configuration)

    def jaeger(self) -> Process:
        """Has the traces that the collector sent it."""
        return self._process("jaeger", jaeger.configuration(TraceStoreSettings()))

    def at_home(self, name: str) -> Mapping[str, str]:
        """What stands in a configuration, and what takes its place here."""
        is_jaeger = name == "jaeger"
        return {
            jaeger.ADDRESS: self._between,
            pod.listen(pod.GRPC): self._between if is_jaeger else _somewhere(),
            pod.listen(pod.HTTP): f"{HOST}:{self._taken}",
            pod.listen(pod.HEALTH): _somewhere(),
            f"0.0.0.0:{jaeger.QUERY_PORT}": f"{HOST}:{self._query}",
            "localhost:16685": _somewhere(),
            "host: 0.0.0.0": f"host: {HOST}",
            f"port: {pod.PORTS[pod.METRICS]}": f"port: {free_port() if is_jaeger else self._metrics}",
            jaeger.DATA: str(self._folder / "data"),
        }

    def spans(self, trace: str) -> list[dict[str, Any]]:
        """Those of a trace as Jaeger's API tells them, each with its process's tags; none where it does not know it."""
        try:
            answer = httpx.get(f"http://{HOST}:{self._query}/api/traces/{trace}", timeout=10)
        except httpx.TransportError:
            return []
        traces: list[dict[str, Any]] = answer.json()["data"] or []
        return [
            {**span, "service": found["processes"][span["processID"]]["serviceName"]}
            for found in traces
            for span in found["spans"]
        ]

    def _process(self, name: str, configuration: Mapping[str, Any]) -> Process:
        text = yaml.safe_dump(dict(configuration))
        for shipped, here in self.at_home(name).items():
            text = text.replace(shipped, here)
        assert "0.0.0.0" not in text, text
        path = self._folder / f"{name}.yaml"
        path.write_text(text)
        return Process(name, [program(name), f"--config={path}"], self._folder)


def _somewhere() -> str:
    return f"{HOST}:{free_port()}"
