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


def dashboard(title: str, selector: str, *, by_track: bool = False) -> str:
    """Grafana's JSON for the servers that `selector` matches; the same text at every run.

    Of servers in tracks every series is one track's.
    """
    asked = f'{selector},route=~"{queries.INFERENCE_ROUTES}"'
    by, each = (queries.TRACK_LABEL, f"{{{{{queries.TRACK_LABEL}}}}} ") if by_track else ("", "")
    requests = queries.rate(contract.REQUESTS, asked, WINDOW, _labels(by, "code"))
    percentiles = {
        f"{each}p{q:g}": queries.quantile(contract.REQUEST_DURATION, asked, WINDOW, q / 100, by) for q in (50, 95, 99)
    }
    errors = queries.error_ratio(asked, WINDOW, by)
    refused = queries.rate(contract.REJECTED, selector, WINDOW, by)
    queue = f"{contract.QUEUE_SIZE.name}{{{selector}}}"
    mean = queries.mean(contract.BATCH_SIZE, selector, WINDOW, _labels(by, "model"))
    built = (
        Dashboard(title)
        .uid(title.lower().replace(" ", "-"))  # Grafana takes letters, digits, - and _ only
        .tags(["inference-platform"])
        .refresh("30s")
        .time("now-1h", "now")
        .with_row(Row("Service"))
        .with_panel(panel("Requests", "reqps", {f"{each}{{{{code}}}}": requests}))
        .with_panel(panel("Latency", "s", percentiles))
        .with_panel(panel("Errors", "percentunit", {f"{each}server errors": errors}))
        .with_panel(panel("Refused (429)", "reqps", {f"{each}refused": refused}))
        .with_row(Row("Batching"))
        .with_panel(panel("Batch size", "short", {f"{each}{{{{model}}}} mean": mean}))
        .with_panel(panel("Queue", "short", {f"{each}{{{{model}}}} {{{{pod}}}}": queue}))
        .with_panel(panel("Time in queue", "s", _times(contract.QUEUE_DURATION, selector, by, each)))
        .with_panel(panel("Time in model", "s", _times(contract.MODEL_DURATION, selector, by, each)))
    )
    return JSONEncoder(sort_keys=True).encode(built.build())


def _times(metric: contract.Metric, selector: str, by: str, each: str) -> dict[str, str]:
    labels = _labels(by, "model")
    return {f"{each}{{{{model}}}} p{q}": queries.quantile(metric, selector, WINDOW, q / 100, labels) for q in (50, 99)}


def _labels(*names: str) -> str:
    return ", ".join(filter(None, names))
