"""What do the predictions cost, and what is paid for nothing?"""

from inference_app import contract
from infra.clusters.gpu import NODE_LABEL
from infra.monitoring import queries
from infra.monitoring.cluster_metrics import GPU_UTILISATION, INSTANCE_TYPE, NODE_LABELS, node_label
from infra.monitoring.dashboards import promql
from infra.monitoring.dashboards.panel import RANGE, RATE, WIDTH, Board, Colour, Kind, Panel, Row, Unit
from infra.monitoring.dashboards.subject import GpuNodes, Subject
from infra.settings.prices import Prices

SPOT, ON_DEMAND = "spot", "on demand"
EACH = "{{type}} {{capacity}}"
IDLE_PERCENT, IDLE_WINDOW = 5, "15m"
"""A GPU at work for less than this share of the window does nothing that is worth its price."""
PREDICTIONS = 1000


def board(subject: Subject, gpus: GpuNodes) -> Board:
    """GPU nodes, how much of them is used, and their price where the settings have it."""
    prices = subject.settings.prices
    return Board(
        name="cost",
        title="Cost",
        description="All GPU nodes of the cluster, whoever uses them, beside the predictions of this service.",
        rows=[
            Row("Use", _use(subject, gpus)),
            *([Row("Money", _money(subject, gpus, prices))] if prices else []),
            Row("GPU nodes", _nodes(gpus)),
        ],
        events={},
    )


def _use(subject: Subject, gpus: GpuNodes) -> list[Panel]:
    gpu = f"max by (UUID) (avg_over_time({GPU_UTILISATION}[{IDLE_WINDOW}]))"
    return [
        Panel(
            title="GPU nodes",
            description="Nodes with GPUs in the cluster now.",
            unit=Unit.COUNT,
            kind=Kind.NUMBER,
            width=6,
            queries={"nodes": f"count({_of_gpus()}) or vector(0)"},
        ),
        Panel(
            title="On spot",
            description="Share of the GPU nodes that are spot, the cheaper kind that the cloud may take back. Low "
            "for long means that the cloud has none of the instance types asked for: allow more types.",
            unit=Unit.SHARE,
            kind=Kind.NUMBER,
            width=6,
            queries={"spot": f"(count({_spot(gpus)}) or vector(0)) / count({_of_gpus()})"},
        ),
        Panel(
            title="Idle GPUs",
            description=f"Share of the GPUs that were at work for less than {IDLE_PERCENT} % of the last "
            f"{IDLE_WINDOW}. Some are the price of room for more; half of them for hours is money for nothing.",
            unit=Unit.SHARE,
            kind=Kind.NUMBER,
            width=6,
            queries={"idle": f"avg({gpu} < bool {IDLE_PERCENT})"},
            limits={0.5: Colour.ORANGE},
            alert="GpuIdle",
        ),
        Panel(
            title="Predictions per GPU hour",
            description="Predictions of this service in an hour for each GPU of the cluster. It falls when GPUs are "
            "added that find no work.",
            unit=Unit.COUNT,
            kind=Kind.NUMBER,
            width=6,
            queries={"predictions": f"3600 * {queries.requests_per_second(subject.selector, RATE)} / count({gpu})"},
        ),
    ]


def _money(subject: Subject, gpus: GpuNodes, prices: Prices) -> list[Panel]:
    each = _cost(gpus, prices)
    known = " or ".join(_labelled("vector(1)", "type", name) for name in sorted(prices))
    return [
        *_sums(subject, each),
        Panel(
            title="Nodes without a price",
            description="GPU nodes of instance types that monitoring.prices does not name; they are in no sum here.",
            unit=Unit.COUNT,
            kind=Kind.NUMBER,
            width=6,
            queries={"nodes": f"count({_typed(_of_gpus())} unless on (type) ({known})) or vector(0)"},
            limits={1: Colour.ORANGE},
        ),
        Panel(
            title="Cost per hour by instance type",
            description="What each kind of node costs while it runs.",
            unit=Unit.DOLLARS,
            width=WIDTH,
            queries={EACH: each},
            stacked=True,
        ),
    ]


def _sums(subject: Subject, each: str) -> list[Panel]:
    """`each` is PromQL for what each kind of node costs an hour."""
    now = f"sum({each})"
    asked = f"sum(increase({contract.REQUEST_DURATION.name}_count{{{subject.promised}}}[{RANGE}]))"
    return [
        Panel(
            title="Cost per hour",
            description="Price of the GPU nodes that run now, by the settings' own figures.",
            unit=Unit.DOLLARS,
            kind=Kind.NUMBER,
            width=6,
            queries={"per hour": now},
        ),
        Panel(
            title="Cost of the last 24 hours",
            description="Price of the GPU nodes of the last day, for as long as each of them ran.",
            unit=Unit.DOLLARS,
            kind=Kind.NUMBER,
            width=6,
            queries={"24 hours": promql.hours(now, "1d")},
        ),
        Panel(
            title=f"Cost of {PREDICTIONS} predictions",
            description="Price of the GPU nodes of the time shown, over the predictions of that time.",
            unit=Unit.DOLLARS,
            kind=Kind.NUMBER,
            width=6,
            queries={"predictions": f"{PREDICTIONS} * ({promql.hours(now, RANGE)}) / {asked}"},
        ),
    ]


def _nodes(gpus: GpuNodes) -> list[Panel]:
    each = _by_kind(gpus)
    return [
        Panel(
            title="GPU nodes by instance type",
            description="Nodes with GPUs, spot and on demand. On-demand ones while spot is wanted mean that the cloud "
            "had no spot capacity.",
            unit=Unit.COUNT,
            queries={EACH: each},
            stacked=True,
        ),
        Panel(
            title="GPU node hours",
            description="Hours of the time shown, each counted once for every node that ran: what the bill is made of.",
            unit=Unit.COUNT,
            kind=Kind.TABLE,
            queries={"node hours": promql.hours(each, RANGE)},
        ),
    ]


def _of_gpus(*more: tuple[str, str]) -> str:
    """The GPU nodes that have `more` labels too."""
    matchers = (f'{node_label(key)}="{value}"' for key, value in (NODE_LABEL, *more))
    return f"{NODE_LABELS}{{{','.join(matchers)}}}"


def _spot(gpus: GpuNodes) -> str:
    """The spot nodes among them; none where the cluster has no label of such."""
    return " or ".join(_of_gpus(label) for label in gpus.spot_labels) or f"{_of_gpus()} == 0"


def _by_kind(gpus: GpuNodes) -> str:
    """Number of GPU nodes by `type`, that of the instance, and `capacity`."""
    spot, rest = _spot(gpus), f"{_of_gpus()} unless on (node) ({_spot(gpus)})"
    every = f"{_labelled(spot, 'capacity', SPOT)} or {_labelled(rest, 'capacity', ON_DEMAND)}"
    return f"count by (type, capacity) ({_typed(every)})"


def _cost(gpus: GpuNodes, prices: Prices) -> str:
    """Dollars per hour by type and capacity, of the types that have a price."""
    table = " or ".join(
        _labelled(_labelled(f"vector({price:g})", "type", name), "capacity", capacity)
        for name, both in sorted(prices.items())
        for capacity, price in ((SPOT, both.spot), (ON_DEMAND, both.on_demand))
    )
    return f"{_by_kind(gpus)} * on (type, capacity) ({table})"


def _typed(nodes: str) -> str:
    return f'label_replace({nodes}, "type", "$1", "{node_label(INSTANCE_TYPE)}", "(.*)")'


def _labelled(series: str, label: str, value: str) -> str:
    return f'label_replace({series}, "{label}", "{value}", "", "")'
