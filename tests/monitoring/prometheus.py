"""A Prometheus that reads real servers as a stack's ServiceMonitor says, and calls them pods of the stack."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.processes import HOST, Process, free_port
from tests.programs.built import program

SECOND = "1s"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A server on loopback, and the pod that it stands for."""

    address: str
    pod: str = "model-server-0"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """The pod's own labels."""


class Prometheus:
    """Starts and stops, and keeps its series and its address in between.

    `rules` are groups as a PrometheusRule has them, `alertmanager` an address that is told of alerts; `interval` takes
    the place of the monitor's, and is how often rules are judged. `beside` are more scrape configurations.
    """

    def __init__(
        self,
        folder: Path,
        targets: Sequence[Target],
        monitor: Mapping[str, Any],
        *,
        interval: str | None = None,
        rules: Sequence[Mapping[str, Any]] = (),
        alertmanager: str | None = None,
        external_labels: Mapping[str, str] | None = None,
        beside: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.url = f"http://{HOST}:{free_port()}"
        self._folder = folder
        self._configuration = folder / "prometheus.json"
        rule_file = folder / "rules.json"
        rule_file.write_text(json.dumps({"groups": list(rules)}))
        configuration: dict[str, Any] = {
            "global": {"evaluation_interval": interval or "15s", "external_labels": dict(external_labels or {})},
            "scrape_configs": [scrape(targets, monitor, interval), *beside],
            "rule_files": [str(rule_file)],
        }
        if alertmanager:
            configuration["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
        self._configuration.write_text(json.dumps(configuration))

    def process(self) -> Process:
        """It running, for as long as the context lasts."""
        options = {
            "config.file": self._configuration,
            "storage.tsdb.path": self._folder / "prometheus",
            "web.listen-address": self.url.removeprefix("http://"),
            "enable-feature": "exemplar-storage",
        }
        return Process("prometheus", [program("prometheus"), *(f"--{k}={v}" for k, v in options.items())], self._folder)

    def vector(self, query: str, at: float | None = None) -> list[tuple[Mapping[str, str], float]]:
        """What a query finds now, or `at` a time in seconds: the labels and the value of each series."""
        found = self._ask("query", {"query": query, **({"time": at} if at else {})})["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def series(self, query: str, seconds: float) -> list[tuple[float, float]]:
        """A query's values over the last `seconds`, each with how long ago it was."""
        now = time.time()
        parameters = {"query": query, "start": now - seconds, "end": now, "step": 5}
        (found,) = self._ask("query_range", parameters)["result"]
        return [(now - float(at), float(value)) for at, value in found["values"]]

    def alerts(self) -> list[Mapping[str, Any]]:
        """Those pending and firing, as the API tells them."""
        return self._ask("alerts", {})["alerts"]

    def exemplars(self, query: str, seconds: float) -> list[Mapping[str, str]]:
        """Labels of the exemplars of a query's series, of the last `seconds`."""
        now = time.time()
        found = self._ask("query_exemplars", {"query": query, "start": now - seconds, "end": now})
        return [exemplar["labels"] for each in found for exemplar in each["exemplars"]]

    def _ask(self, what: str, parameters: Mapping[str, Any]) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{what}", params=dict(parameters), timeout=10).json()
        assert answer["status"] == "success", f"{parameters}: {answer.get('error')}"
        return answer["data"]


def scrape(targets: Sequence[Target], monitor: Mapping[str, Any], interval: str | None = None) -> dict[str, Any]:
    """The scrape configuration that Prometheus' operator would make of a ServiceMonitor with one endpoint.

    https://prometheus-operator.dev/docs/developer/getting-started/#using-servicemonitors
    """
    spec = monitor["spec"]
    (endpoint,) = spec["endpoints"]
    (namespace,) = spec["namespaceSelector"]["matchNames"]
    kept = spec.get("podTargetLabels", [])
    return {
        "job_name": monitor["metadata"]["name"],
        "metrics_path": endpoint["path"],
        "scrape_interval": interval or endpoint["interval"],
        "scrape_timeout": interval or "10s",
        "static_configs": [
            {
                "targets": [target.address],
                "labels": {
                    "namespace": namespace,
                    "pod": target.pod,
                    **{name: value for name, value in target.labels.items() if name in kept},
                },
            }
            for target in targets
        ],
    }


def exporter(job: str, address: str, interval: str) -> dict[str, Any]:
    """The scrape configuration of a ServiceMonitor with `honorLabels`, of a program that tells of others.

    Prometheus' own words for the exporter, its namespace and pod, give way to what the exporter says.
    """
    return {
        "job_name": job,
        "honor_labels": True,
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "static_configs": [{"targets": [address], "labels": {"namespace": "exporters", "pod": f"{job}-0"}}],
    }
