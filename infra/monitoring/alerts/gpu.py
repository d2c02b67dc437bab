"""Alerts on GPUs, from what NVIDIA's exporter tells of those that the service's pods hold."""

from inference_app import contract
from infra.monitoring import queries
from infra.monitoring.alerts.alert import Alert, Severity
from infra.monitoring.alerts.watched import Watched
from infra.monitoring.cluster_metrics import GPU_MEMORY_FREE, GPU_MEMORY_USED, GPU_UTILISATION, GPU_XID

APPLICATION_XIDS = (13, 31, 43, 45, 68, 109)
"""Errors of a program and not of its GPU (https://github.com/NVIDIA/k8s-device-plugin/blob/main/internal/rm/health.go)."""

MEMORY_NEARLY_FULL = 0.95
"""Share of a GPU's memory; the dashboards draw it too."""


def memory_nearly_full(watched: Watched) -> Alert:
    """For runtimes that take memory as they need it."""
    used, free = (f"{metric}{{{watched.selector}}}" for metric in (GPU_MEMORY_USED, GPU_MEMORY_FREE))
    return Alert(
        name="GpuMemoryNearlyFull",
        value=f"max by (pod) ({used} / ({used} + {free}))",
        condition=f"> {MEMORY_NEARLY_FULL:g}",
        minutes=10,
        severity=Severity.WARNING,
        summary="The GPU of {{ $labels.pod }} has hardly any memory left",
        first="{{ $value | humanizePercentage }} is in use, by all who share it. The next large batch may fail.",
    )


def saturated(watched: Watched) -> Alert:
    """A busy GPU is what it is for; one before which requests wait longer than it works on them is too small."""
    waits = queries.mean(contract.QUEUE_DURATION, watched.selector, "10m", "pod")
    work = queries.mean(contract.MODEL_DURATION, watched.selector, "10m", "pod")
    return Alert(
        name="GpuSaturated",
        value=f"avg by (pod) (avg_over_time({GPU_UTILISATION}{{{watched.selector}}}[10m]))",
        condition=f"> 90 and on (pod) {waits} > {work}",
        minutes=10,
        severity=Severity.WARNING,
        summary="Requests wait for the GPU of {{ $labels.pod }}",
        first='It is busy {{ printf "%.3g" $value }} % of the time. Look whether the autoscaler adds replicas.',
    )


def idle(watched: Watched) -> Alert:
    """None of the GPUs that the service holds has worked: those of a few pods may rest between requests."""
    return Alert(
        name="GpuIdle",
        value=f"max(avg_over_time({GPU_UTILISATION}{{{watched.selector}}}[1h]))",
        condition="< 1",
        minutes=300,
        severity=Severity.WARNING,
        summary="GPUs are paid for and do nothing",
        first="None has worked for six hours. Let the service rest: replicas.minOutsideOfficeHours, or fewer of them.",
    )


def errors() -> Alert:
    """Of every GPU of the cluster: one that broke loses its pod, and with it the namespace of its series."""
    ours = "".join(f" != {xid}" for xid in APPLICATION_XIDS)
    return Alert(
        name="GpuErrors",
        value=f"max by (hostname, gpu) ({GPU_XID})",
        condition=f"> 0{ours}",
        minutes=1,
        severity=Severity.WARNING,
        summary="GPU {{ $labels.gpu }} of {{ $labels.hostname }} reported an error",
        first="Its number is XID {{ $value }}. Drain the node; a new one takes its place.",
    )
