"""Alerts on what traces and logs lose on their way, by what the programs that carry them tell."""

from infra.monitoring.alerts.alert import Alert, RuleSet, Severity
from infra.monitoring.alerts.watched import matchers

SPANS_REFUSED = "otelcol_receiver_refused_spans_total"
"""Those that found the queue or the memory full; who sent them may have tried again.

https://opentelemetry.io/docs/collector/internal-telemetry/
"""
SPANS_GIVEN_UP = "otelcol_exporter_send_failed_spans_total"
"""Those that were not taken until the retries' end."""

RECORDS_DROPPED = "fluentbit_output_dropped_records_total"
"""Those that the store refused for good, and those that made room on a full disk.

https://docs.fluentbit.io/manual/administration/monitoring#metrics-in-prometheus-format
"""


def tracing(namespace: str) -> RuleSet:
    """What is judged of the collector and Jaeger, which tell the same metrics."""
    labels = {"namespace": namespace}
    lost = " or ".join(f"rate({name}{{{matchers(labels)}}}[5m])" for name in (SPANS_REFUSED, SPANS_GIVEN_UP))
    alert = _lost(
        "SpansLost",
        f"sum({lost})",
        summary="Traces are lost between the servers and Jaeger",
        first='{{ printf "%.3g" $value }} spans per second. Look whether Jaeger is ready, and how full its volume is.',
    )
    return RuleSet(name="tracing", labels=labels, recordings=[], alerts=[alert])


def logs(namespace: str) -> RuleSet:
    """What is judged of Fluent Bit."""
    labels = {"namespace": namespace}
    alert = _lost(
        "LogLinesLost",
        f"sum(rate({RECORDS_DROPPED}{{{matchers(labels)}}}[5m]))",
        summary="Log lines do not reach their store",
        first='{{ printf "%.3g" $value }} lines per second are gone for good. Look at the log of Fluent Bit for why.',
    )
    return RuleSet(name="logs", labels=labels, recordings=[], alerts=[alert])


def _lost(name: str, per_second: str, *, summary: str, first: str) -> Alert:
    return Alert(
        name=name,
        value=per_second,
        condition="> 0",
        minutes=10,
        severity=Severity.WARNING,
        summary=summary,
        first=first,
    )
