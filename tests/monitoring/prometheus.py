"""A Prometheus that reads one real server, as a stack's ServiceMonitor says, and calls it a pod of the stack."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.processes import HOST, Process, free_port
from tests.programs.built import program


class Prometheus:
    """Starts and stops, and keeps its series and its address in between."""

    def __init__(self, folder: Path, target: str, monitor: Mapping[str, Any]) -> None:
        self.url = f"http://{HOST}:{free_port()}"
        self._folder = folder
        self._configuration = folder / "prometheus.json"
        self._configuration.write_text(json.dumps({"scrape_configs": [scrape(target, monitor)]}))

    def process(self) -> Process:
        """It running, for as long as the context lasts."""
        options = {
            "config.file": self._configuration,
            "storage.tsdb.path": self._folder / "prometheus",
            "web.listen-address": self.url.removeprefix("http://"),
        }
        return Process("prometheus", [program("prometheus"), *(f"--{k}={v}" for k, v in options.items())], self._folder)

    def series(self, query: str, seconds: float) -> list[tuple[float, float]]:
        """A query's values over the last `seconds`, each with how long ago it was."""
        now = time.time()
        parameters = {"query": query, "start": now - seconds, "end": now, "step": 5}
        answer = httpx.get(f"{self.url}/api/v1/query_range", params=parameters, timeout=10)
        (found,) = answer.json()["data"]["result"]
        return [(now - float(at), float(value)) for at, value in found["values"]]


def scrape(target: str, monitor: Mapping[str, Any]) -> dict[str, Any]:
    """The scrape configuration that Prometheus' operator would make of a ServiceMonitor with one endpoint.

    https://prometheus-operator.dev/docs/developer/getting-started/#using-servicemonitors
    """
    (endpoint,) = monitor["spec"]["endpoints"]
    (namespace,) = monitor["spec"]["namespaceSelector"]["matchNames"]
    return {
        "job_name": monitor["metadata"]["name"],
        "metrics_path": endpoint["path"],
        "scrape_interval": endpoint["interval"],
        "static_configs": [{"targets": [target], "labels": {"namespace": namespace, "pod": "model-server-0"}}],
    }
