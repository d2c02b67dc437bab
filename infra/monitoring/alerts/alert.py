"""What Prometheus judges and records, as values that tests can ask it for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """Who should hear of an alert, and when."""

    CRITICAL = "critical"
    """Somebody, now: users are failed."""
    WARNING = "warning"
    """The team, in working hours: users will be failed, or money is wasted."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Fires once `value` has met `condition` for `minutes`.

    `value` is PromQL and binds tighter than a comparison; `condition` begins with one. `first` is what to do first.
    `summary` and `first` are templates of https://prometheus.io/docs/prometheus/latest/configuration/template_reference/.
    """

    name: str
    value: str
    condition: str
    minutes: int
    severity: Severity
    summary: str
    first: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def anchor(self) -> str:
        """That of its heading in the runbook."""
        return self.name.lower()

    def rule(self, runbooks: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """It as a PrometheusRule has it, with labels of its group and a link to its part of `runbooks`."""
        return {
            "alert": self.name,
            "expr": f"{self.value} {self.condition}",
            "for": f"{self.minutes}m",
            "labels": {**labels, **self.labels, "severity": self.severity.value},
            "annotations": {
                "summary": self.summary,
                "description": self.first,
                "runbook_url": f"{runbooks}#{self.anchor}",
            },
        }


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A series that Prometheus makes of others, for what looks far back at many of them."""

    name: str
    value: str

    def rule(self, labels: Mapping[str, str]) -> dict[str, Any]:
        """It as a PrometheusRule has it."""
        return {"record": self.name, "expr": self.value, "labels": dict(labels)}


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """All that Prometheus records and judges of one service; what is recorded and what fires has `labels`."""

    name: str
    labels: Mapping[str, str]
    recordings: Sequence[Recording]
    alerts: Sequence[Alert]

    def groups(self, runbooks: str) -> list[dict[str, Any]]:
        """The groups of a PrometheusRule: one, so that what is recorded is judged in the same round."""
        recorded = [each.rule(self.labels) for each in self.recordings]
        judged = [each.rule(runbooks, self.labels) for each in self.alerts]
        return [{"name": self.name, "rules": recorded + judged}]
