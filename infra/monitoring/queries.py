"""PromQL over the server's metrics, by the names in `inference_app.contract`, so that no rename breaks it silently."""

from inference_app import contract
from inference_app.contract import Metric, Route

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


def rate(metric: Metric, selector: str, window: str, by: str = "") -> str:
    """Per-second rate of a counter over `window`, summed, or summed by one label."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric.name}{{{selector}}}[{window}]))"


def quantile(metric: Metric, selector: str, window: str, q: float, by: str = "") -> str:
    """The `q` quantile (0 to 1) of a histogram over `window`, of all observations or for each value of one label."""
    buckets = f"sum by ({f'le, {by}' if by else 'le'}) (rate({metric.name}_bucket{{{selector}}}[{window}]))"
    return f"histogram_quantile({q}, {buckets})"


def mean(metric: Metric, selector: str, window: str, by: str) -> str:
    """The mean of a histogram's observations over `window` for each value of a label."""
    total = f"sum by ({by}) (rate({metric.name}_sum{{{selector}}}[{window}]))"
    return f"{total} / sum by ({by}) (rate({metric.name}_count{{{selector}}}[{window}]))"


def wanted_replicas(namespace: str, deployment: str) -> str:
    """How many pods a Deployment should have, as kube-state-metrics tells."""
    return f'sum(kube_deployment_spec_replicas{{namespace="{namespace}",deployment="{deployment}"}})'


def error_ratio(selector: str, window: str) -> str:
    """Share of requests answered with a server error, 0 to 1. Refusals (429) are the client's to retry, not errors."""
    errors = rate(contract.REQUESTS, f'{selector},code=~"5.."', window)
    return f"({errors} or vector(0)) / {rate(contract.REQUESTS, selector, window)}"
