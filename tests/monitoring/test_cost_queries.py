"""What nodes cost, as Prometheus' own engine reckons it."""

from pathlib import Path
from typing import Any

import pytest

from infra.monitoring.cluster_metrics import INSTANCE_TYPE, NODE_LABELS, node_label
from infra.monitoring.dashboards import GpuNodes, Subject, boards
from infra.monitoring.dashboards.panel import filled_in
from infra.settings.monitoring import MonitoringSettings
from tests.monitoring.promtool import judge

PRICES = {"g5.xlarge": {"spot": 0.5, "onDemand": 1.25}, "Standard_NC4as_T4_v3": {"spot": 0.1, "onDemand": 0.5}}
SPOT = (("karpenter.sh/capacity-type", "spot"), ("eks.amazonaws.com/capacityType", "SPOT"))
NOW = "178m"
"""Close to three hours, of which all versions of Prometheus then count 36 times five minutes."""
PREDICTIONS = 'inference_request_duration_seconds_count{namespace="serving",route="/predict"}'

pytestmark = pytest.mark.slow


def node(name: str, instance_type: str, values: str = "1x400", **labels: str) -> dict[str, str]:
    """A GPU node as kube-state-metrics tells of it, in promtool's notation, every minute."""
    every = {"node": name, "label_inference_platform_gpu": "true", node_label(INSTANCE_TYPE): instance_type, **labels}
    matchers = ",".join(f'{key}="{value}"' for key, value in every.items())
    return {"series": f"{NODE_LABELS}{{{matchers}}}", "values": values}


NODES = [
    node("a", "g5.xlarge", label_karpenter_sh_capacity_type="spot"),
    node("b", "g5.xlarge", label_eks_amazonaws_com_capacity_type="SPOT"),
    node("c", "g5.xlarge", label_karpenter_sh_capacity_type="on-demand"),
    node("d", "Standard_NC4as_T4_v3", "1x59 stale"),  # is there for an hour
    node("e", "p5.48xlarge"),  # nobody said what it costs
    {"series": f'{NODE_LABELS}{{node="f",{node_label(INSTANCE_TYPE)}="g5.xlarge"}}', "values": "1x400"},  # no GPU node
]


def query(title: str, spot: Any = SPOT) -> str:
    """The panel's query, for three hours."""
    settings = MonitoringSettings.model_validate({"prices": PRICES})
    gpus = GpuNodes(spot_labels=spot)
    subject = Subject(name="serving", selector='namespace="serving"', settings=settings, gpus=gpus)
    (panel,) = [panel for board in boards(subject) for panel in board.panels if panel.title == title]
    (expr,) = panel.queries.values()
    return filled_in(expr, rate_seconds=60, range_seconds=3 * 3600)


@pytest.mark.parametrize(
    ("title", "at", "values"),
    [
        ("GPU nodes", "30m", {"{}": 5}),
        ("GPU nodes", NOW, {"{}": 4}),
        ("On spot", NOW, {"{}": 0.5}),
        ("Cost per hour", "30m", {"{}": 2 * 0.5 + 1.25 + 0.5}),
        ("Cost per hour", NOW, {"{}": 2 * 0.5 + 1.25}),
        ("Cost of the last 24 hours", NOW, {"{}": 3 * (2 * 0.5 + 1.25) + 0.5}),
        # 100 a minute, for 178 of them.
        ("Cost of 1000 predictions", NOW, {"{}": (3 * (2 * 0.5 + 1.25) + 0.5) / 17.8}),
        ("Nodes without a price", NOW, {"{}": 1}),
        (
            "GPU node hours",
            NOW,
            {
                '{type="g5.xlarge",capacity="spot"}': 6,
                '{type="g5.xlarge",capacity="on demand"}': 3,
                '{type="Standard_NC4as_T4_v3",capacity="on demand"}': 1,
                '{type="p5.48xlarge",capacity="on demand"}': 3,
            },
        ),
    ],
)
def test_cost_is_reckoned_from_nodes_and_prices(title: str, at: str, values: dict[str, float], tmp_path: Path) -> None:
    asked = [{"series": PREDICTIONS, "values": "0+100x400"}]

    assert judge(tmp_path, [], [case(query(title), at, values, [*NODES, *asked])]) == ""


def test_a_cluster_without_spot_nodes_has_none(tmp_path: Path) -> None:
    cases = [
        case(query("On spot", ()), NOW, {"{}": 0}, NODES),
        case(query("Cost per hour", ()), NOW, {"{}": 3 * 1.25}, NODES),
    ]

    assert judge(tmp_path, [], cases) == ""


def case(expr: str, at: str, values: dict[str, float], series: list[dict[str, str]]) -> dict[str, Any]:
    samples = [{"labels": labels, "value": round(value, 3)} for labels, value in values.items()]
    test = {"expr": f"round({expr}, 0.001)", "eval_time": at, "exp_samples": samples}
    return {"interval": "1m", "input_series": series, "promql_expr_test": [test]}
