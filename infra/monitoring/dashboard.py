"""The service's Grafana dashboard, from the metric names in `inference_app.contract`."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from inference_app import contract
from infra.monitoring import queries

WINDOW = "$__rate_interval"


def panel(title: str, unit: str, series: dict[str, str]) -> Panel:
    """A graph of PromQL expressions by legend; `unit` is one of Grafana's (reqps, s, percentunit, short)."""
    graph = Panel().title(title).unit(unit).span(12).height(8)
    for index, (legend, expr) in enumerate(series.items()):
        graph = graph.with_target(Dataquery().ref_id(chr(ord("A") + index)).expr(expr).legend_format(legend))
    return graph


def dashboard(title: str, selector: str) -> str:
    """Grafana's JSON for the servers that `selector` matches; the same text at every run."""
    asked = f'{selector},route=~"{queries.INFERENCE_ROUTES}"'
    percentiles = {f"p{q:g}": queries.quantile(contract.REQUEST_DURATION, asked, WINDOW, q / 100) for q in (50, 95, 99)}
    mean = queries.mean(contract.BATCH_SIZE, selector, WINDOW, "model")
    built = (
        Dashboard(title)
        .uid(title.lower().replace(" ", "-"))  # Grafana takes letters, digits, - and _ only
        .tags(["inference-platform"])
        .refresh("30s")
        .time("now-1h", "now")
        .with_row(Row("Service"))
        .with_panel(panel("Requests", "reqps", {"{{code}}": queries.rate(contract.REQUESTS, asked, WINDOW, "code")}))
        .with_panel(panel("Latency", "s", percentiles))
        .with_panel(panel("Errors", "percentunit", {"server errors": queries.error_ratio(asked, WINDOW)}))
        .with_panel(panel("Refused (429)", "reqps", {"refused": queries.rate(contract.REJECTED, selector, WINDOW)}))
        .with_row(Row("Batching"))
        .with_panel(panel("Batch size", "short", {"{{model}} mean": mean}))
        .with_panel(panel("Queue", "short", {"{{model}} {{pod}}": f"{contract.QUEUE_SIZE.name}{{{selector}}}"}))
        .with_panel(panel("Time in queue", "s", _times(contract.QUEUE_DURATION, selector)))
        .with_panel(panel("Time in model", "s", _times(contract.MODEL_DURATION, selector)))
    )
    return JSONEncoder(sort_keys=True).encode(built.build())


def _times(metric: contract.Metric, selector: str) -> dict[str, str]:
    return {f"{{{{model}}}} p{q}": queries.quantile(metric, selector, WINDOW, q / 100, "model") for q in (50, 99)}
