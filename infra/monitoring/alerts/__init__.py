"""Alerts as values: what each looks at, when that is too much, and what to do first."""

from infra.monitoring.alerts.alert import Alert, Recording, RuleSet, Severity
from infra.monitoring.alerts.watched import Watched

__all__ = ["Alert", "Recording", "RuleSet", "Severity", "Watched"]
