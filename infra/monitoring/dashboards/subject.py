"""Which servers a set of dashboards is about, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.monitoring import queries
from infra.monitoring.dashboards.panel import MODEL, POD
from infra.settings.monitoring import MonitoringSettings

ASKED = f'route=~"{queries.INFERENCE_ROUTES}"'


@dataclass(frozen=True, kw_only=True)
class GpuNodes:
    """GPU nodes that Prometheus hears of, through kube-state-metrics and NVIDIA's exporter; spot ones carry a label."""

    spot_labels: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One service; `selector` finds the series of its servers, `name` tells it from others in the same Grafana."""

    name: str
    selector: str
    settings: MonitoringSettings
    by_track: bool = False
    gpus: GpuNodes | None = None
    """None where the servers use none, or Prometheus does not hear of nodes."""

    @property
    def pods(self) -> str:
        """Series of the pods that the user of the dashboard chose."""
        return f'{self.selector},pod=~"{POD}"'

    @property
    def models(self) -> str:
        """Series of the chosen pods' chosen models."""
        return f'{self.pods},model=~"{MODEL}"'

    @property
    def predictions(self) -> str:
        """Series of requests that ask a chosen model."""
        return f"{self.models},{ASKED}"

    @property
    def promised(self) -> str:
        """Series of requests that the objectives are about: all that ask a model."""
        return f"{self.selector},{ASKED}"
