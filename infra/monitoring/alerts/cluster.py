"""Alerts on what the cluster gives a service: autoscaling, room on nodes, and spot nodes, from kube-state-metrics."""

from collections.abc import Iterator, Sequence

from infra.monitoring.alerts.alert import Alert, Severity
from infra.monitoring.alerts.watched import Watched
from infra.monitoring.cluster_metrics import (
    AUTOSCALER_CONDITION,
    AUTOSCALER_DESIRED,
    AUTOSCALER_LEAST,
    AUTOSCALER_MOST,
    DEPLOYMENT_REPLICAS,
    NODE_LABELS,
    POD_UNSCHEDULABLE,
    node_label,
)


def alerts(watched: Watched) -> list[Alert]:
    """All of a service, wherever its pods run."""
    return [*_autoscalers(watched), _pods_unschedulable(watched)]


def _autoscalers(watched: Watched) -> Iterator[Alert]:
    selected, on = watched.selector, "on (horizontalpodautoscaler)"
    desired, least, most = (
        f"max by (horizontalpodautoscaler) ({metric}{{{selected}}})"
        for metric in (AUTOSCALER_DESIRED, AUTOSCALER_LEAST, AUTOSCALER_MOST)
    )
    # Where it wants fewer than its least, which one of a fixed size does, it is limited too.
    limited = f'{AUTOSCALER_CONDITION}{{{selected},condition="ScalingLimited",status="true"}} == 1'
    yield Alert(
        name="AutoscalerAtMaximum",
        value=f"{desired} / {most}",
        condition=f">= 1 and {on} {limited} and {on} {most} > {least}",
        minutes=15,
        severity=Severity.WARNING,
        summary="{{ $labels.horizontalpodautoscaler }} wants more replicas than it may have",
        first="Latency rises next, then clients are refused. Raise replicas.max, and the pool's maximum with it.",
    )
    blind = f'{AUTOSCALER_CONDITION}{{{selected},condition="ScalingActive",status="false"}} == 1'
    yield Alert(
        name="AutoscalerBlind",
        value=desired,
        condition=f"> 0 and {on} {blind}",
        minutes=15,
        severity=Severity.WARNING,
        summary="{{ $labels.horizontalpodautoscaler }} cannot read what it scales by",
        first="It stays at {{ $value }} replicas whatever comes. Look at the events of the autoscaler.",
    )


def _pods_unschedulable(watched: Watched) -> Alert:
    return Alert(
        name="PodsUnschedulable",
        value=f"sum({POD_UNSCHEDULABLE}{{{watched.selector}}})",
        condition="> 0",
        minutes=15,
        severity=Severity.WARNING,
        summary="No node has room for a model server",
        first="{{ $value }} pods wait. Their events say why: the pool is full, or the cloud has no such nodes.",
    )


def spot_nodes_reclaimed(watched: Watched, spot_labels: Sequence[tuple[str, str]]) -> Iterator[Alert]:
    """Nodes that went within an hour while no fewer replicas were wanted, for which an autoscaler would take them.

    `spot_labels` are those of which a spot node has one; without any there is nothing to tell.
    """
    if not spot_labels:
        return
    nodes = [f'{NODE_LABELS}{{{node_label(key)}="{value}"}}' for key, value in spot_labels]
    there = f"count(count by (node) ({' or '.join(nodes)}))"
    seen = f"count(count by (node) ({' or '.join(f'last_over_time({each}[1h])' for each in nodes)}))"
    lost = f"({seen} - ({there} or vector(0)))"  # none is left where all went
    wanted = f"sum({DEPLOYMENT_REPLICAS}{{{watched.selector}}}"
    yield Alert(
        name="SpotNodesReclaimed",
        value=f"{lost} / {seen}",
        condition=f"> 0.3 and {lost} >= 3 and {wanted}) >= {wanted} offset 1h)",
        minutes=5,
        severity=Severity.WARNING,
        summary="The cloud takes spot nodes away faster than usual",
        first="{{ $value | humanizePercentage }} of the hour's spot nodes are gone. Keep more nodes on demand.",
    )
