"""Is the service keeping its promises, and is it about to break them?"""

from inference_app import contract
from infra.monitoring import queries
from infra.monitoring.alerts.alert import Severity
from infra.monitoring.alerts.objectives import ASKED, BURNS, FAILED, SLOW_SHARE
from infra.monitoring.alerts.servers import QUEUE_NEARLY_FULL
from infra.monitoring.dashboards import promql
from infra.monitoring.dashboards.panel import PERCENTILES, RATE, Board, Colour, Kind, Panel, Row, Unit
from infra.monitoring.dashboards.subject import Subject

BUDGET_DAYS = 30
PAGES = [burn for burn in BURNS if burn.severity is Severity.CRITICAL]
"""Somebody is called when the budget burns as fast as one of these."""


def board(subject: Subject) -> Board:
    """Rate, errors, duration and saturation of all servers together, and what is left of the error budget."""
    return Board(
        name="service",
        title="Service",
        description="Whether predictions come, in time and without errors, and how much more the servers can take.",
        rows=[
            Row("Objectives", _objectives(subject)),
            Row("Traffic", _traffic(subject)),
            Row("Latency", _latency(subject)),
            Row("Errors", _errors(subject)),
            Row("Saturation", _saturation(subject)),
        ],
        events=promql.switched(subject.selector),
    )


def _objectives(subject: Subject) -> list[Panel]:
    target = _target(subject)
    percentile = Panel(
        title="95th percentile, 5 minutes",
        description=f"95 % of predictions took less. Bad above the objective, {target:g} s.",
        unit=Unit.SECONDS,
        kind=Kind.NUMBER,
        width=6,
        queries={"p95": queries.quantile(contract.REQUEST_DURATION, subject.promised, "5m", 0.95)},
        limits={target: Colour.RED},
    )
    return [*_error_budget(subject), percentile]


def _error_budget(subject: Subject) -> list[Panel]:
    days = min(BUDGET_DAYS, subject.settings.retention_days)
    percent = subject.settings.objectives.error_percent
    budget = _budget(subject)
    return [
        Panel(
            title=f"Available, {days} days",
            description=f"Share of predictions without a server error in {days} days. Bad below {100 - percent:g} %.",
            unit=Unit.SHARE,
            kind=Kind.NUMBER,
            width=6,
            queries={"available": f"1 - {budget:g} * {_burn_rate(subject, f'{days}d')}"},
            decimals=3,
            base=Colour.RED,
            limits={1 - budget: Colour.GREEN},
        ),
        Panel(
            title=f"Error budget left, {days} days",
            description=f"What is left of the {percent:g} % of {days} days' predictions that may fail. Below zero the "
            "objective is broken: change nothing more until it recovers.",
            unit=Unit.SHARE,
            kind=Kind.NUMBER,
            width=6,
            queries={"left": f"1 - {_burn_rate(subject, f'{days}d')}"},
            base=Colour.RED,
            limits={0: Colour.ORANGE, 0.25: Colour.GREEN},
            alert="ErrorBudgetBurn",
        ),
        Panel(
            title="Burn rate, 1 hour",
            description="How fast the error budget is spent: at 1 it lasts exactly as long as it must, at "
            f"{PAGES[0].rate:g} one of 30 days is gone in two.",
            unit=Unit.COUNT,
            kind=Kind.NUMBER,
            width=6,
            queries={"burn rate": _burn_rate(subject, "1h")},
            limits={1: Colour.ORANGE, PAGES[0].rate: Colour.RED},
        ),
    ]


def _traffic(subject: Subject) -> list[Panel]:
    return [
        Panel(
            title="Predictions by route",
            description="Requests that ask a model, by the protocol they came in. A sudden fall with no alert means "
            "that clients, or the way to the service, are in trouble.",
            unit=Unit.REQUESTS,
            queries={"{{route}}": queries.rate(contract.REQUESTS, subject.predictions, RATE, "route")},
            stacked=True,
        ),
        Panel(
            title="Answers by status code",
            description="4xx are the client's mistakes, 429 is a full queue's refusal, 5xx are the servers' mistakes.",
            unit=Unit.REQUESTS,
            queries={"{{code}}": queries.rate(contract.REQUESTS, subject.predictions, RATE, "code")},
            stacked=True,
        ),
    ]


def _latency(subject: Subject) -> list[Panel]:
    target = _target(subject)
    return [
        Panel(
            title="Latency",
            description="From a request's last byte to its answer; refusals (429) count, and are quick. The dashed "
            "line is the objective of the 95th percentile. A point is one traced request; it leads to its trace.",
            unit=Unit.SECONDS,
            width=8,
            queries={
                f"p{q}": queries.quantile(contract.REQUEST_DURATION, subject.predictions, RATE, q / 100)
                for q in PERCENTILES
            },
            limits={target: Colour.RED},
            exemplars=True,
            alert="HighLatency",
        ),
        Panel(
            title="Slower than the objective",
            description=f"Share of predictions that took more than {target:g} s. Bad above {SLOW_SHARE * 100:g} %, "
            f"since {100 - SLOW_SHARE * 100:g} % should not.",
            unit=Unit.SHARE,
            width=8,
            queries={"slower": queries.slow_ratio(subject.predictions, RATE, target)},
            limits={SLOW_SHARE: Colour.RED},
            alert="LatencyBudgetBurn",
        ),
        Panel(
            title="Distribution of latency",
            description="How many predictions a second took how long. Two bands are two kinds of requests, or of "
            "servers; a percentile hides that.",
            unit=Unit.SECONDS,
            kind=Kind.HEATMAP,
            width=8,
            queries={"{{le}}": promql.buckets(contract.REQUEST_DURATION, subject.predictions, RATE)},
            exemplars=True,
        ),
    ]


def _errors(subject: Subject) -> list[Panel]:
    return [
        Panel(
            title="Server errors",
            description="Share of predictions answered with 5xx. The dashed line is the objective. Refusals (429) are "
            "the client's to retry and do not count.",
            unit=Unit.SHARE,
            queries={"server errors": queries.error_ratio(subject.predictions, RATE)},
            limits={_budget(subject): Colour.RED},
            alert="HighErrorRate",
        ),
        Panel(
            title="Burn rate of the error budget",
            description="Errors over what the objective allows, in long windows and in short ones. Somebody is called "
            "when " + ", or ".join(f"{each.long} and {each.short} are above {each.rate:g}" for each in PAGES) + ".",
            unit=Unit.COUNT,
            queries={window: _burn_rate(subject, window) for each in PAGES for window in (each.short, each.long)},
            limits={each.rate: Colour.RED for each in PAGES},
            alert="ErrorBudgetBurn",
        ),
    ]


def _saturation(subject: Subject) -> list[Panel]:
    size, capacity = contract.QUEUE_SIZE.name, contract.QUEUE_CAPACITY.name
    in_flight, ready = contract.IN_FLIGHT.name, contract.READY.name
    return [
        Panel(
            title="Queue filled",
            description="Examples waiting for the model, of as many as may wait; the fullest pod of each model. At "
            "100 % requests are refused.",
            unit=Unit.SHARE,
            width=6,
            queries={"{{model}}": f"max by (model) ({size}{{{subject.models}}} / {capacity}{{{subject.models}}})"},
            limits={QUEUE_NEARLY_FULL: Colour.ORANGE, 1: Colour.RED},
            alert="QueueSaturated",
        ),
        Panel(
            title="Refused (429)",
            description="Predictions turned away because the queue was full. More than a moment of it means that "
            "there are too few pods: raise replicas.max or the pools.",
            unit=Unit.REQUESTS,
            width=6,
            queries={"{{model}}": queries.rate(contract.REJECTED, subject.models, RATE, "model")},
            alert="RequestsRefused",
        ),
        Panel(
            title="In flight",
            description="Requests being answered, by pod. One pod far above the others is slow, or gets more than "
            "its share.",
            unit=Unit.COUNT,
            width=6,
            queries={"{{pod}}": f"sum by (pod) ({in_flight}{{{subject.pods}}})"},
        ),
        Panel(
            title="Pods",
            description="Pods that answer with metrics, and those that are ready for predictions. A gap between the "
            "two that stays is a model that does not load.",
            unit=Unit.COUNT,
            width=6,
            queries={"ready": f"sum({ready}{{{subject.pods}}})", "scraped": f"count({ready}{{{subject.pods}}})"},
            alert="NoServerReady",
        ),
    ]


def _budget(subject: Subject) -> float:
    return subject.settings.objectives.error_percent / 100


def _target(subject: Subject) -> float:
    return subject.settings.objectives.p95_latency_ms / 1000


def _burn_rate(subject: Subject, window: str) -> str:
    """How many times faster than it may the error budget burns, from the series that the alerts record."""
    failed, asked = (f"sum(sum_over_time({name}{{{subject.selector}}}[{window}]))" for name in (FAILED, ASKED))
    return f"{failed} / {asked} / {_budget(subject):g}"
