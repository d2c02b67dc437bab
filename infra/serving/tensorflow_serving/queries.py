"""PromQL over TensorFlow Serving's own metrics.

https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/servables/tensorflow/util.cc
"""

from infra.monitoring.queries import AUTOSCALING_WINDOW

REQUESTS = ":tensorflow:serving:request_count"
"""By `status`, a name of https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto; probes count."""

LATENCY = ":tensorflow:serving:request_latency"
"""Microseconds of answers, by `API`, which is empty for probes; failed requests do not count."""

ASKED = 'API=~"(?i)predict|classify|regress"'
FAILED = 'status=~"ABORTED|DATA_LOSS|DEADLINE_EXCEEDED|INTERNAL|UNIMPLEMENTED|UNKNOWN"'
REFUSED = 'status=~"RESOURCE_EXHAUSTED|UNAVAILABLE"'
"""What it says when the batching queue is full, and to a request whose time ends in the queue."""


def latency_quantile(selector: str, q: float, window: str = "5m") -> str:
    """The `q` quantile (0 to 1) of answered predictions, in microseconds."""
    return f"histogram_quantile({q}, sum by (le) (rate({LATENCY}_bucket{{{selector},{ASKED}}}[{window}])))"


def error_ratio(selector: str, window: str = "5m") -> str:
    """Share of predictions that failed, 0 to 1."""
    return f"{failed_per_second(selector, window)} / {asked_per_second(selector, window)}"


def asked_per_second(selector: str, window: str) -> str:
    """Predictions that were answered or failed."""
    return f"({requests_per_second(selector, window)} + {failed_per_second(selector, window)})"


def failed_per_second(selector: str, window: str) -> str:
    """Predictions that failed; refusals and wrong requests are the client's to change."""
    counted = f"sum(rate({REQUESTS}{{{selector}}}[{window}]))"
    return f"(sum(rate({REQUESTS}{{{selector},{FAILED}}}[{window}])) or 0 * {counted})"


def requests_per_second(selector: str, window: str = AUTOSCALING_WINDOW) -> str:
    """Predictions answered per second, of all pods together: 0 while none come, nothing while no pod is scraped.

    A server has a series of answers only after its first; that of the requests, which count probes, tells it apart
    from one that nobody scrapes.
    """
    answered = f"sum(rate({LATENCY}_count{{{selector},{ASKED}}}[{window}]))"
    return f"({answered} or 0 * sum(rate({REQUESTS}{{{selector}}}[{window}])))"
