"""Autoscalers, pods without room, spot nodes that go, and GPUs."""

from collections.abc import Mapping

from tests.monitoring.alert_cases.case import HOUR, Case, Fired, series

SCALER = {"horizontalpodautoscaler": "keda-hpa-model-server"}
PREFIX = "kube_horizontalpodautoscaler"
WANTED = series("kube_deployment_spec_replicas", deployment="model-server")
PENDING = series("kube_pod_status_unschedulable", pod="a")
GPU = {"pod": "a", "gpu": "0", "hostname": "node-1"}
UTILISATION = series("DCGM_FI_DEV_GPU_UTIL", **GPU)
XID = series("DCGM_FI_DEV_XID_ERRORS", **GPU)


def scaler(desired: str, least: int, most: int, limited: str = "0x30", active: str = "1x30") -> Mapping[str, str]:
    conditions = {"ScalingLimited": limited, "ScalingActive": active}
    opposite = str.maketrans("01", "10")
    return {
        series(f"{PREFIX}_status_desired_replicas", **SCALER): desired,
        series(f"{PREFIX}_spec_min_replicas", **SCALER): f"{least}x30",
        series(f"{PREFIX}_spec_max_replicas", **SCALER): f"{most}x30",
    } | {
        series(f"{PREFIX}_status_condition", **SCALER, condition=name, status=status): values
        for name, is_true in conditions.items()
        for status, values in (
            ("true", is_true),
            ("false", is_true[0].translate(opposite) + is_true[1:]),
        )
    }


def spot(lost: int, wanted: str = "8x120", nodes: int = 10) -> Mapping[str, str]:
    """Spot nodes of two kinds, of which some go after 80 minutes."""
    kinds = ('label_example_com_spot="yes"', 'label_example_com_cheap="yes"')
    there = {
        f'kube_node_labels{{node="node-{number}",{kinds[number % 2]}}}': "1x80" if number < lost else "1x120"
        for number in range(nodes)
    }
    return {**there, 'kube_node_labels{node="fixed"}': "1x120", WANTED: wanted}


def memory(used: int) -> Mapping[str, str]:
    return {
        series("DCGM_FI_DEV_FB_USED", **GPU): f"{used}x30",
        series("DCGM_FI_DEV_FB_FREE", **GPU): f"{1000 - used}x30",
    }


def busy(percent: int, wait_ms: float) -> Mapping[str, str]:
    """A GPU at work, whose calls take 10 ms each and whose examples wait."""
    per_minute = 600
    made = {UTILISATION: f"{percent}x40"}
    for name, milliseconds in (("queue", wait_ms), ("model", 10)):
        metric = f"inference_{name}_duration_seconds"
        made[series(f"{metric}_sum", model="digits", pod="a")] = f"0+{per_minute * milliseconds / 1000:g}x40"
        made[series(f"{metric}_count", model="digits", pod="a")] = f"0+{per_minute}x40"
    return made


CASES = [
    Case(alert="AutoscalerAtMaximum", what="it wants more", given=scaler("4x30", 1, 4, limited="1x30"),
         fires=(Fired(labels=SCALER),)),
    Case(alert="AutoscalerAtMaximum", what="it has what it wants", given=scaler("4x30", 1, 4)),
    Case(alert="AutoscalerAtMaximum", what="one below", given=scaler("3x30", 1, 4, limited="1x30")),
    Case(alert="AutoscalerAtMaximum", what="of a fixed size", given=scaler("4x30", 4, 4, limited="1x30")),
    Case(alert="AutoscalerAtMaximum", what="for ten minutes", given=scaler("3x20 4x10", 1, 4, limited="1x30")),
    Case(alert="AutoscalerBlind", what="no metrics", given=scaler("2x30", 1, 4, active="0x30"),
         fires=(Fired(labels=SCALER, value="2"),)),
    Case(alert="AutoscalerBlind", what="metrics", given=scaler("2x30", 1, 4)),
    Case(alert="AutoscalerBlind", what="no metrics for ten minutes", given=scaler("_x20 2x10", 1, 4, active="0x30")),
    Case(alert="AutoscalerBlind", what="no pods at night", given=scaler("0x30", 1, 4, active="0x30")),
    Case(alert="PodsUnschedulable", what="one", given={PENDING: "1x30"}, fires=(Fired(value="1"),)),
    Case(alert="PodsUnschedulable", what="one until a node came", given={PENDING: "1x10 _x20"}),
    Case(alert="PodsUnschedulable", what="one for ten minutes", given={PENDING: "_x20 1x10"}),
    Case(alert="SpotNodesReclaimed", what="four of ten within the hour", given=spot(4), after=100,
         fires=(Fired(value="40%"),)),
    Case(alert="SpotNodesReclaimed", what="all of ten", given=spot(10), after=100, fires=(Fired(value="100%"),)),
    Case(alert="SpotNodesReclaimed", what="three of ten", given=spot(3), after=100),
    Case(alert="SpotNodesReclaimed", what="two of three", given=spot(2, nodes=3), after=100),
    Case(alert="SpotNodesReclaimed", what="four of ten, just now", given=spot(4), after=88),
    Case(alert="SpotNodesReclaimed", what="none", given=spot(0), after=100),
    Case(alert="SpotNodesReclaimed", what="fewer replicas are wanted", given=spot(4, "8x70 2x50"), after=100),
    Case(alert="SpotNodesReclaimed", what="nobody tells of nodes any more", given=spot(10, "8x80"), after=100),
    Case(alert="GpuMemoryNearlyFull", what="97 % in use", given=memory(970),
         fires=(Fired(labels={"pod": "a"}, value="97%"),)),
    Case(alert="GpuMemoryNearlyFull", what="94 % in use", given=memory(940)),
    Case(alert="GpuMemoryNearlyFull", what="97 % in use for nine minutes", given=memory(970), after=9),
    Case(alert="GpuSaturated", what="examples wait twice as long as calls take", given=busy(95, 20), after=40,
         fires=(Fired(labels={"pod": "a"}, value="95"),)),
    Case(alert="GpuSaturated", what="for nine minutes", given=busy(95, 20), after=9),
    Case(alert="GpuSaturated", what="busy, and nobody waits", given=busy(95, 2), after=40),
    Case(alert="GpuSaturated", what="examples wait for something else", given=busy(50, 20), after=40),
    Case(alert="GpuIdle", what="all night", given={UTILISATION: "0x480"}, after=8 * HOUR, fires=(Fired(),)),
    Case(alert="GpuIdle", what="for five hours", given={UTILISATION: "0x480"}, after=5 * HOUR - 5),
    Case(alert="GpuIdle", what="a little work all night", given={UTILISATION: "1x480"}, after=8 * HOUR),
    Case(alert="GpuIdle", what="one of two", after=8 * HOUR,
         given={UTILISATION: "0x480", series("DCGM_FI_DEV_GPU_UTIL", **GPU | {"pod": "b"}): "9x480"}),
    Case(alert="GpuErrors", what="fell off the bus", given={XID: "0x10 79x20"},
         fires=(Fired(labels={"hostname": "node-1", "gpu": "0"}, value="79"),)),
    Case(alert="GpuErrors", what="a program's own fault", given={XID: "31x30"}),
    Case(alert="GpuErrors", what="none", given={XID: "0x30"}),
]  # fmt: skip
