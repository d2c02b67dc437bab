"""Alerts on a service's promises: how fast their error budgets burn, and what is wrong with them now.

A budget is the share of requests that may be bad. It burns at rate 1 when exactly that share is, and then lasts for as
long as the promise counts, 30 days. Windows and rates are the Site Reliability Workbook's
(https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts).

The rates are recorded: three days of every pod's own series, most of whose pods are gone by then, would be read again
at each round. What is bad must be `ENOUGH` requests too, or a single one would burn a quiet night's budget; of a
service that was there for a part of the window they count as if it had gone on like that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.monitoring.alerts.alert import Alert, Recording, Severity
from infra.monitoring.alerts.watched import Watched
from infra.settings.monitoring import ObjectiveSettings

ASKED, FAILED, SLOW = (
    "service:inference_requests:rate5m",
    "service:inference_failed_requests:rate5m",
    "service:inference_slow_requests:rate5m",
)
"""Requests per second that ask a model, of all pods of the service or of one track, and those of them that were bad."""

SLOW_SHARE = 0.05
"""How many requests may be slower than the target of a 95th percentile."""

ENOUGH = 10
"""Bad requests in the long window from which on a burnt budget is told."""

SEEN = 100
"""Requests in a window that a service has whose silence is told."""


@dataclass(frozen=True, kw_only=True)
class Burn:
    """A rate that is too fast over the long window, and still over the short one, so that it ends with the trouble."""

    rate: float
    long: str
    hours: int
    short: str
    severity: Severity


BURNS = (
    Burn(rate=14.4, long="1h", hours=1, short="5m", severity=Severity.CRITICAL),
    Burn(rate=6, long="6h", hours=6, short="30m", severity=Severity.CRITICAL),
    Burn(rate=3, long="1d", hours=24, short="2h", severity=Severity.WARNING),
    Burn(rate=1, long="3d", hours=72, short="6h", severity=Severity.WARNING),
)


def recordings(asked: str, failed: str, slow: str | None = None) -> list[Recording]:
    """What the budgets are made of, from PromQL for rates over five minutes; `slow` where a server tells it."""
    made = [Recording(name=ASKED, value=asked), Recording(name=FAILED, value=failed)]
    return [*made, *([Recording(name=SLOW, value=slow)] if slow else [])]


def availability_burns(objectives: ObjectiveSettings, watched: Watched) -> Iterator[Alert]:
    """Too many requests fail to keep `errorPercent` over 30 days."""
    share = objectives.error_percent / 100
    for burn in BURNS:
        yield _burn("ErrorBudgetBurn", FAILED, share, burn, watched, "fail", "status codes, then at what changed")


def latency_burns(objectives: ObjectiveSettings, watched: Watched) -> Iterator[Alert]:
    """Too many requests take longer than `p95LatencyMs`; at most 72 % slow ones are asked for, so each can fire."""
    bad, look = f"take longer than {objectives.p95_latency_ms:g} ms", "time in queue and in model"
    for burn in BURNS:
        yield _burn("LatencyBudgetBurn", SLOW, SLOW_SHARE, burn, watched, bad, look)


def budget_burn(bad: str, share: float, watched: Watched, window: str) -> str:
    """PromQL: how many times faster than it may a budget of `share` burns, from the recorded rate of bad requests."""
    selected = f"{{{watched.selector}}}[{window}]"
    return f"sum_over_time({bad}{selected}) / sum_over_time({ASKED}{selected}) / {share:g}"


def high_latency(objectives: ObjectiveSettings, p95: str) -> Alert:
    """`p95` is PromQL for the percentile over five minutes, in seconds."""
    return Alert(
        name="HighLatency",
        value=p95,
        condition=f"> {objectives.p95_latency_ms / 1000:g}",
        minutes=10,
        severity=Severity.WARNING,
        summary=f"95 % of predictions should take less than {objectives.p95_latency_ms:g} ms",
        first="The percentile is {{ $value | humanizeDuration }}. Look whether time goes to the queue or the model.",
    )


def high_error_rate(objectives: ObjectiveSettings, ratio: str) -> Alert:
    """`ratio` is PromQL for the share of failed requests over five minutes, which a single one cannot outlast."""
    return Alert(
        name="HighErrorRate",
        value=ratio,
        condition=f"> {objectives.error_percent / 100:g}",
        minutes=10,
        severity=Severity.WARNING,
        summary=f"More than {objectives.error_percent:g} % of predictions fail",
        first="{{ $value | humanizePercentage }} of predictions fail. Look at the servers' logs by status code.",
    )


def no_traffic(watched: Watched) -> Alert:
    """Silence is strange where there were requests today, and yesterday at this time; without pods there is no rate.

    Of all tracks together: whoever changes their weights may leave one without any.
    """

    def requests(window: str, seconds: int, offset: str = "") -> str:
        return f"{seconds} * sum(avg_over_time({ASKED}{{{watched.selector}}}[{window}]{offset}))"

    return Alert(
        name="NoTraffic",
        value=requests("30m", 1800),
        condition=f"== 0 and {requests('6h', 21600)} >= {SEEN} and {requests('30m', 1800, ' offset 1d')} >= {SEEN}",
        minutes=5,
        severity=Severity.WARNING,
        summary="Nobody asks the model any more",
        first="There were requests today, and yesterday at this time. Ask the service from outside, by its own URL.",
    )


def _burn(name: str, bad: str, share: float, burn: Burn, watched: Watched, what: str, look: str) -> Alert:
    several = f"{burn.hours * 3600} * avg_over_time({bad}{{{watched.selector}}}[{burn.long}]) >= {ENOUGH}"
    still = budget_burn(bad, share, watched, burn.short)
    return Alert(
        name=name,
        value=budget_burn(bad, share, watched, burn.long),
        condition=f"> {burn.rate:g} and {still} > {burn.rate:g} and {several}",
        minutes=2,
        severity=burn.severity,
        summary=f"The error budget of 30 days burns too fast: predictions {what}",
        first=f'In {burn.long} it burnt {{{{ printf "%.3g" $value }}}} times as much as its share. Look at {look}.',
        labels={"window": burn.long},
    )
