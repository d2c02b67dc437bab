"""Alerts on the model servers themselves: there, ready, read, not full, and running what they should."""

from collections.abc import Iterator

from inference_app import contract
from infra.monitoring import queries
from infra.monitoring.alerts import objectives as promises
from infra.monitoring.alerts.alert import Alert, Recording, Severity
from infra.monitoring.alerts.watched import Watched, matchers, unless_resting
from infra.settings.monitoring import ObjectiveSettings

QUEUE_NEARLY_FULL = 0.8
"""Share of a queue's bound; the dashboards draw it too."""


def alerts(objectives: ObjectiveSettings, watched: Watched, provider: contract.ExecutionProvider) -> list[Alert]:
    """All that need the servers' own metrics only; `provider` is where their models should run."""
    asked = _asked(watched)
    return [
        *promises.availability_burns(objectives, watched),
        *promises.latency_burns(objectives, watched),
        promises.high_latency(objectives, queries.quantile(contract.REQUEST_DURATION, asked, "5m", 0.95, watched.by)),
        promises.high_error_rate(objectives, queries.error_ratio(asked, "5m", watched.by)),
        promises.no_traffic(watched),
        *_load(watched),
        *_presence(watched),
        *_models(watched, provider),
    ]


def recordings(objectives: ObjectiveSettings, watched: Watched) -> list[Recording]:
    """What the budgets' alerts are judged by."""
    asked, target = _asked(watched), objectives.p95_latency_ms / 1000
    return promises.recordings(
        asked=queries.requests_per_second(watched.selector, "5m", watched.by),
        failed=queries.errors(asked, "5m", watched.by),
        slow=queries.slow(asked, "5m", target, watched.by),
    )


def scrape_failing(watched: Watched) -> Alert:
    """One of several pods that nobody can read would be missed by no other alert."""
    return Alert(
        name="ScrapeFailing",
        value=f"min{watched.each('pod')}(up{{{watched.selector}}})",
        condition="== 0",
        minutes=10,
        severity=Severity.WARNING,
        summary='The metrics of {{ or $labels.pod "a server" }} cannot be read',
        first="Look whether the pod restarts, and whether the namespace's network policy lets Prometheus in.",
    )


def metrics_missing(watched: Watched, series: str) -> Iterator[Alert]:
    """`series` is one that every server has, whatever happens to it."""
    for labels, wanted in watched.apart():
        yield Alert(
            name="MetricsMissing",
            value=f"absent({series}{{{matchers({**watched.labels, **labels})}}})",
            condition=f"== 1{unless_resting(wanted)}",
            minutes=5,
            severity=Severity.CRITICAL,
            summary="No model server has been scraped",
            first="Look whether any pod is there. If so, the service may be well and only its metrics be lost.",
            labels=labels,
        )


def requests_refused(rate: str) -> Alert:
    """`rate` is PromQL for the refusals per second over five minutes."""
    return Alert(
        name="RequestsRefused",
        value=rate,
        condition="> 0",
        minutes=10,
        severity=Severity.WARNING,
        summary="The queue is full and clients are refused",
        first='{{ printf "%.3g" $value }} requests per second are refused. Raise replicas.max or the pools.',
    )


def no_server_ready(ready: str, wanted: str | None = None) -> Alert:
    """`ready` is PromQL for how many are."""
    return Alert(
        name="NoServerReady",
        value=ready,
        condition=f"< 1{unless_resting(wanted)}",
        minutes=2,
        severity=Severity.CRITICAL,
        summary="No model server is ready",
        first="Every request fails. Look at what /ready of a pod says, then roll back what changed last.",
    )


def _asked(watched: Watched) -> str:
    return f'{watched.selector},route=~"{queries.INFERENCE_ROUTES}"'


def _load(watched: Watched) -> Iterator[Alert]:
    yield requests_refused(queries.rate(contract.REJECTED, watched.selector, "5m", watched.by))
    each, selected = watched.each("model"), f"{{{watched.selector}}}"
    waiting = f"sum{each}(avg_over_time({contract.QUEUE_SIZE.name}{selected}[5m]))"
    yield Alert(
        name="QueueSaturated",
        value=f"{waiting} / sum{each}({contract.QUEUE_CAPACITY.name}{selected})",
        condition=f"> {QUEUE_NEARLY_FULL:g}",
        minutes=5,
        severity=Severity.WARNING,
        summary="The queue of model {{ $labels.model }} is nearly full",
        first="It is {{ $value | humanizePercentage }} full, and then clients are refused. Look whether replicas rise.",
    )


def _presence(watched: Watched) -> Iterator[Alert]:
    ready, selected = contract.READY.name, f"{{{watched.selector}}}"
    yield no_server_ready(f"sum{watched.each()}({ready}{selected})")
    yield Alert(
        name="ServerNotReady",
        value=f"min{watched.each('pod')}({ready}{selected})",
        condition="== 0",
        minutes=15,
        severity=Severity.WARNING,
        summary='{{ or $labels.pod "A server" }} runs and is not ready',
        first="It takes a place, a GPU maybe, and answers nobody. Look at what its /ready says.",
    )
    yield from metrics_missing(watched, ready)
    yield scrape_failing(watched)


def _models(watched: Watched, provider: contract.ExecutionProvider) -> Iterator[Alert]:
    elsewhere = f'{contract.MODEL_INFO.name}{{{watched.selector},execution_provider!="{provider}"}}'
    yield Alert(
        name="WrongExecutionProvider",
        value=f"count{watched.each()}({elsewhere})",
        condition="> 0",
        minutes=5,
        severity=Severity.WARNING,
        summary=f"A model server answers from another execution provider than {provider}",
        first="{{ $value }} models run elsewhere, many times slower maybe. Look at the start of the pods' logs.",
    )
    failed = f'{contract.SWITCHES.name}{{{watched.selector},result="{contract.SwitchResult.FAILED}"}}'
    yield Alert(
        name="ModelSwitchFailed",
        value=f"sum{watched.each('model')}(increase({failed}[30m]))",
        condition="> 0",
        minutes=1,
        severity=Severity.WARNING,
        summary="A new version of model {{ $labels.model }} did not come into service",
        first="The old version still answers. Look at the log for why, and at the version's files.",
    )
