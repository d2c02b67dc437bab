"""Are the GPUs at work, and are they well?"""

from inference_app import contract
from infra.monitoring import cluster_metrics
from infra.monitoring.alerts.gpu import MEMORY_NEARLY_FULL
from infra.monitoring.dashboards import promql
from infra.monitoring.dashboards.panel import Board, Colour, Panel, Row, Unit
from infra.monitoring.dashboards.subject import Subject

BY, EACH = "pod, gpu, modelName", "{{pod}} {{modelName}} {{gpu}}"
SHARED = "Of pods that share a GPU, NVIDIA's exporter names one, and counts all."


def board(subject: Subject) -> Board:
    """NVIDIA's metrics of the GPUs that the service's pods hold, and what the servers say of theirs."""
    return Board(
        name="gpu",
        title="GPU",
        description="The GPUs that the service's pods hold: work, memory, power, heat, errors.",
        rows=[
            Row("Work", _work(subject)),
            Row("Health", _health(subject)),
            Row("As the servers see it", _servers(subject)),
        ],
        events=promql.switched(subject.selector),
    )


def _work(subject: Subject) -> list[Panel]:
    used, free = _each(cluster_metrics.GPU_MEMORY_USED, subject), _each(cluster_metrics.GPU_MEMORY_FREE, subject)
    return [
        Panel(
            title="Utilisation",
            description="Share of the time in which something ran on the GPU, however little of it that took. Low "
            f"while requests wait means that the CPU or the network is too slow. {SHARED}",
            unit=Unit.PERCENT,
            width=8,
            queries={EACH: _each(cluster_metrics.GPU_UTILISATION, subject)},
            most=100,
            alert="GpuSaturated",
        ),
        Panel(
            title="Memory in use",
            description="Of the memory of the GPU. Near 100 % the next model, or a larger batch, does not fit.",
            unit=Unit.SHARE,
            width=8,
            queries={EACH: f"{used} / ({used} + {free})"},
            limits={0.9: Colour.ORANGE, MEMORY_NEARLY_FULL: Colour.RED},
            most=1,
            alert="GpuMemoryNearlyFull",
        ),
        Panel(
            title="Memory free",
            description="What another model, or another pod on the same GPU, could take.",
            unit=Unit.MEBIBYTES,
            width=8,
            queries={EACH: free},
        ),
    ]


def _health(subject: Subject) -> list[Panel]:
    return [
        Panel(
            title="Power",
            description="Electrical power that the GPU draws. A GPU that is said to be at work and draws as little as "
            "an idle one runs small kernels.",
            unit=Unit.WATTS,
            width=8,
            queries={EACH: _each(cluster_metrics.GPU_POWER, subject)},
        ),
        Panel(
            title="Temperature",
            description="Of the GPU. From somewhere above 80 °C it runs slower to stay whole; NVIDIA names the limit "
            "of each model.",
            unit=Unit.CELSIUS,
            width=8,
            queries={EACH: _each(cluster_metrics.GPU_TEMPERATURE, subject)},
            limits={85: Colour.RED},
        ),
        Panel(
            title="Last error (XID)",
            description="Number of the GPU's last error, 0 where there was none. NVIDIA says what it means and whether "
            "the node must go: https://docs.nvidia.com/deploy/xid-errors/",
            unit=Unit.COUNT,
            width=8,
            queries={EACH: _each(cluster_metrics.GPU_XID, subject)},
            limits={1: Colour.RED},
            alert="GpuErrors",
        ),
    ]


def _servers(subject: Subject) -> list[Panel]:
    used, size = contract.GPU_MEMORY_USED.name, contract.GPU_MEMORY_SIZE.name
    return [
        Panel(
            title="GPU memory as the servers see it",
            description="Memory in use on the server's GPU, by all its processes, and the memory that it has.",
            unit=Unit.BYTES,
            queries={
                "{{pod}} in use": f"max by (pod) ({used}{{{subject.pods}}})",
                "{{pod}} in all": f"max by (pod) ({size}{{{subject.pods}}})",
            },
        ),
        Panel(
            title="Execution provider",
            description="Pods by the provider that their models really run on. A GPU service with pods on the CPU "
            "is slow and pays for GPUs that rest.",
            unit=Unit.COUNT,
            queries={
                "{{model}} {{execution_provider}}": "count by (model, execution_provider) "
                f"({contract.MODEL_INFO.name}{{{subject.models}}})"
            },
            stacked=True,
            alert="WrongExecutionProvider",
        ),
    ]


def _each(name: str, subject: Subject) -> str:
    return f"max by ({BY}) ({name}{{{subject.pods}}})"
