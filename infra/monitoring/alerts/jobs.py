"""Alerts on jobs of asynchronous inference that nobody answers, or nobody takes."""

from collections.abc import Iterator
from http import HTTPStatus

from inference_app import contract
from inference_app.contract import JobResult, Route
from infra.monitoring.alerts.alert import Alert, RuleSet, Severity
from infra.monitoring.alerts.watched import matchers

NEARLY_LOST = 0.5
"""Share of the time that a job is kept without an answer."""

FAILED_SHARE = 0.05
"""Of the jobs that end. Inputs that the model does not take are refused when they are submitted, and make no job."""


def jobs(namespace: str, *, objective_seconds: float, kept_seconds: float) -> RuleSet:
    """What is judged of a namespace's jobs.

    They should wait for `objective_seconds` at most, and are lost without an answer after `kept_seconds`.
    """
    labels = {"namespace": namespace}
    return RuleSet(
        name="jobs",
        labels=labels,
        recordings=[],
        alerts=[*_waiting(matchers(labels), objective_seconds, kept_seconds), *_refused(labels), _failing(labels)],
    )


def _waiting(selector: str, objective_seconds: float, kept_seconds: float) -> Iterator[Alert]:
    oldest = f"max({contract.OLDEST_JOB.name}{{{selector}}})"
    yield Alert(
        name="JobsWait",
        value=oldest,
        condition=f"> {objective_seconds:g}",
        minutes=2,
        severity=Severity.WARNING,
        summary="Jobs wait too long for a worker",
        first="One has waited for {{ $value | humanizeDuration }}. Look whether workers run, and at replicas.max.",
    )
    yield Alert(
        name="JobsNearlyLost",
        value=oldest,
        condition=f"> {NEARLY_LOST * kept_seconds:g}",
        minutes=2,
        severity=Severity.CRITICAL,
        summary="Jobs will be thrown away without an answer",
        first="One has waited for {{ $value | humanizeDuration }}. Bring workers back; raise waitSeconds for others.",
    )


def _refused(labels: dict[str, str]) -> Iterator[Alert]:
    selector = matchers(labels)
    turned_away = "|".join(str(int(code)) for code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE))
    refused = f'{contract.REQUESTS.name}{{{selector},route="{Route.JOBS}",code=~"{turned_away}"}}'
    yield Alert(
        name="JobsRefused",
        value=f"sum(rate({refused}[5m]))",
        condition="> 0",
        minutes=10,
        severity=Severity.WARNING,
        summary="Jobs are refused",
        first='{{ printf "%.3g" $value }} a second are. Look whether maxOpen jobs wait, and whether Redis is full.',
    )
    servers = f"count({contract.READY.name}{{{selector}}})"
    yield Alert(
        name="JobQueueUnreachable",
        value=f"({servers} unless on() count({contract.OPEN_JOBS.name}{{{selector}}}))",
        condition="> 0",
        minutes=5,
        severity=Severity.CRITICAL,
        summary="The queue of jobs does not answer",
        first="None of {{ $value }} servers reaches it. Look at the pod job-queue, its volume and its events.",
    )


def _failing(labels: dict[str, str]) -> Alert:
    def ended(*results: JobResult) -> str:
        wanted = matchers(labels) + f',result=~"{"|".join(results)}"'
        return f"sum(rate({contract.JOBS.name}{{{wanted}}}[30m]))"

    return Alert(
        name="JobsFail",
        value=f"({ended(JobResult.FAILED)} / {ended(JobResult.SUCCEEDED, JobResult.FAILED)})",
        condition=f"> {FAILED_SHARE:g}",
        minutes=10,
        severity=Severity.WARNING,
        summary="Jobs fail that could have been answered",
        first="{{ $value | humanizePercentage }} of them end in an error. Look at the workers' log for which.",
    )
