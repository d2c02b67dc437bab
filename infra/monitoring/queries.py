"""PromQL over the server's metrics, by the names in `inference_app.contract`, so that no rename breaks it silently."""

from inference_app import contract
from inference_app.contract import Metric, Route
from infra.monitoring.cluster_metrics import DEPLOYMENT_REPLICAS

INFERENCE_ROUTES = "|".join(
    (
        f"{Route.PREDICT}(/.*)?",
        f"{Route.V2}/.*/infer",
        Route.INVOCATIONS,
        f"{Route.MODELS}/.*/invoke",
        "grpc/ModelInfer",
    )
)
"""Regular expression over the `route` label of requests that ask a model, in all protocols."""

SCRAPE_SECONDS = 15
"""How often a server's metrics are read; as often does Kubernetes ask its autoscalers' metrics."""

AUTOSCALING_WINDOW = f"{4 * SCRAPE_SECONDS}s"
"""What autoscaling looks back over: four scrapes, of which two may fail, since a rate needs two."""

TRACK_LABEL = "track"
"""Label of the pods of one track, and so of their series; pods that serve alone have none."""

BUSY = 0.2
"""Seconds of model calls per second from which on a pod counts as busy."""


def pods_of(namespace: str, track: str | None = None) -> str:
    """Selects the series of a namespace's servers, or of one track of them."""
    return f'namespace="{namespace}"' + (f',{TRACK_LABEL}="{track}"' if track else "")


def rate(metric: Metric, selector: str, window: str, by: str = "") -> str:
    """Per-second rate of a counter over `window`, summed, or summed by labels."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric.name}{{{selector}}}[{window}]))"


def quantile(metric: Metric, selector: str, window: str, q: float, by: str = "") -> str:
    """The `q` quantile (0 to 1) of a histogram over `window`, of all observations or for each value of labels."""
    buckets = f"sum by ({f'le, {by}' if by else 'le'}) (rate({metric.name}_bucket{{{selector}}}[{window}]))"
    return f"histogram_quantile({q}, {buckets})"


def mean(metric: Metric, selector: str, window: str, by: str) -> str:
    """The mean of a histogram's observations over `window` for each value of labels."""
    total = f"sum by ({by}) (rate({metric.name}_sum{{{selector}}}[{window}]))"
    return f"{total} / sum by ({by}) (rate({metric.name}_count{{{selector}}}[{window}]))"


def requests_per_second(selector: str, window: str = AUTOSCALING_WINDOW, by: str = "") -> str:
    """Requests that ask a model, per second, of all pods together: 0 while none come, nothing while no pod is scraped.

    From the histogram, which counts every route from the server's start: the counter of requests has a series only
    after the first, so that an idle server would look like one that nobody scrapes.
    """
    asked = f'{selector},route=~"{INFERENCE_ROUTES}"'
    return f"sum{f' by ({by}) ' if by else ''}(rate({contract.REQUEST_DURATION.name}_count{{{asked}}}[{window}]))"


def queue_time_ms(selector: str, most: float, window: str = AUTOSCALING_WINDOW) -> str:
    """Each busy pod's mean wait for the model, in milliseconds and at most `most`, added up over the pods.

    0 while no pod is busy, nothing while none is scraped. At a pod that is not, requests wait for something else than
    the load; the server's own watchdog asks too, and would be all that counts on an idle one.
    """
    waits = f"1000 * {mean(contract.QUEUE_DURATION, selector, window, 'pod')} >= 0"  # drops 0 / 0
    work = f"sum by (pod) (rate({contract.MODEL_DURATION.name}_sum{{{selector}}}[{window}]))"
    asked = f"sum(rate({contract.QUEUE_DURATION.name}_count{{{selector}}}[{window}]))"
    return f"sum(clamp_max({waits}, {most:g}) and {work} > {BUSY}) or 0 * {asked}"


def zero_while_none_is_wanted(query: str, namespace: str, deployment: str) -> str:
    """`query`, and 0 where it finds nothing since the Deployment should have no pods."""
    return f"{query} or {wanted_replicas(namespace, deployment)} == 0"


def wanted_replicas(namespace: str, deployment: str) -> str:
    """How many pods a Deployment should have, as kube-state-metrics tells."""
    return f'sum({DEPLOYMENT_REPLICAS}{{namespace="{namespace}",deployment="{deployment}"}})'


def errors(selector: str, window: str, by: str = "") -> str:
    """Requests per second answered with a server error: 0 while none are, nothing while no pod has been asked.

    Refusals (429) are the client's to retry, not errors.
    """
    failed = rate(contract.REQUESTS, f'{selector},code=~"5.."', window, by)
    return f"({failed} or 0 * {rate(contract.REQUESTS, selector, window, by)})"


def error_ratio(selector: str, window: str, by: str = "") -> str:
    """Share of requests answered with a server error, 0 to 1."""
    return f"{errors(selector, window, by)} / {rate(contract.REQUESTS, selector, window, by)}"


def slow(selector: str, window: str, seconds: float, by: str = "") -> str:
    """Requests per second that took longer than `seconds`, one of the histogram's bounds."""
    metric = contract.REQUEST_DURATION.name
    # Both the server and Prometheus 3 write bounds as floats, 1.0 and not 1
    # (https://prometheus.io/docs/prometheus/latest/migration/#le-and-quantile-label-values).
    quick = f'{metric}_bucket{{{selector},le="{float(seconds)}"}}'
    each = f" by ({by}) " if by else ""
    return f"(sum{each}(rate({metric}_count{{{selector}}}[{window}])) - sum{each}(rate({quick}[{window}])))"


def slow_ratio(selector: str, window: str, seconds: float, by: str = "") -> str:
    """Share of requests that took longer than `seconds`, 0 to 1."""
    each = f" by ({by}) " if by else ""
    asked = f"sum{each}(rate({contract.REQUEST_DURATION.name}_count{{{selector}}}[{window}]))"
    return f"{slow(selector, window, seconds, by)} / {asked}"
