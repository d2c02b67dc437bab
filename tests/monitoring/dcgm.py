"""GPUs as NVIDIA's exporter would tell of them: its format and labels with made-up values, since no GPU is here.

Its format: https://github.com/NVIDIA/dcgm-exporter/blob/main/internal/pkg/rendermetrics/render_metrics.go. The labels
of a GPU with a pod are those of a real cluster's text, https://github.com/NVIDIA/dcgm-exporter/issues/490, but for the
host's: it is in lower case from version 4.8.3 on (https://github.com/NVIDIA/dcgm-exporter/pull/655).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.monitoring import cluster_metrics
from tests.loopback import Loopback, Response


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One on a node of its own, held by a pod or by none; `values` are by metric."""

    node: str
    values: Mapping[str, float]
    pod: str = ""

    def labels(self) -> str:
        """As the exporter writes them."""
        said = {
            "gpu": "0",
            "UUID": f"GPU-{self.node}",
            "pci_bus_id": "00000000:31:00.0",
            "device": "nvidia0",
            "modelName": "NVIDIA L4",
            "hostname": self.node,
            "DCGM_FI_DRIVER_VERSION": "580.126.09",
        }
        held = {"container": "model-server", "namespace": "serving", "pod": self.pod} if self.pod else {}
        return ",".join(f'{name}="{value}"' for name, value in {**said, **held}.items())


AT_WORK: Mapping[str, float] = {
    cluster_metrics.GPU_UTILISATION: 71,
    cluster_metrics.GPU_MEMORY_USED: 3021,
    cluster_metrics.GPU_MEMORY_FREE: 19549,
    cluster_metrics.GPU_TEMPERATURE: 54,
    cluster_metrics.GPU_POWER: 63.5,
    cluster_metrics.GPU_XID: 31,
}
BROKEN = {**AT_WORK, cluster_metrics.GPU_UTILISATION: 0, cluster_metrics.GPU_POWER: 12.1, cluster_metrics.GPU_XID: 79}


def text(gpus: Sequence[Gpu]) -> str:
    """What the exporter answers."""
    return "".join(f"{line}\n" for line in _lines(gpus))


def _lines(gpus: Sequence[Gpu]) -> Iterator[str]:
    for metric in AT_WORK:
        yield f"# HELP {metric} Of the GPU."
        yield f"# TYPE {metric} gauge"
        yield from (f"{metric}{{{gpu.labels()}}} {gpu.values[metric]:g}" for gpu in gpus)


def told(gpus: Sequence[Gpu]) -> Loopback:
    """The text, for Prometheus to read."""
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return Loopback(lambda _: Response(headers=headers, body=text(gpus).encode()))
