"""What happens to a service, minute by minute, and which alert speaks of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

HOUR, DAY = 60, 24 * 60


class Stack(StrEnum):
    """Whose rules a case is about."""

    SERVER = "the model server on GPUs"
    RESTING = "one that has no pods at night"
    TRACKS = "one in two tracks, of which the canary has no pods at night"
    TENSORFLOW = "TensorFlow Serving on GPUs"
    LOCAL = "the model server on Docker"
    TRACING = "the collector and Jaeger"
    LOGS = "Fluent Bit"
    BACKUPS = "backups"
    JOBS = "jobs of asynchronous inference"


@dataclass(frozen=True, kw_only=True)
class Fired:
    """An alert as people see it; `value` is how its description tells the quantity."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Series in promtool's notation, a value a minute, and what fires of one alert after some minutes."""

    alert: str
    what: str
    given: Mapping[str, str]
    fires: tuple[Fired, ...] = ()
    after: int = 30
    stack: Stack = Stack.SERVER

    def test(self, rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """It as a unit test of promtool, with the rules that have the alert's name."""
        expected = [_expected(rules, each) for each in self.fires]
        judged = {"eval_time": f"{self.after}m", "alertname": self.alert, "exp_alerts": expected}
        series = [{"series": name, "values": values} for name, values in self.given.items()]
        return {"name": self.what, "interval": "1m", "input_series": series, "alert_rule_test": [judged]}


def _expected(rules: Sequence[Mapping[str, Any]], fired: Fired) -> dict[str, Any]:
    rule = next(rule for rule in rules if rule["labels"].items() <= (rule["labels"] | fired.labels).items())
    labels = {**rule["labels"], **fired.labels}
    told = {name: _rendered(text, labels, fired.value) for name, text in rule["annotations"].items()}
    return {"exp_labels": labels, "exp_annotations": told}


def _rendered(template: str, labels: Mapping[str, str], value: str) -> str:
    """The template with the value as the case says it; what only formats the value is Prometheus' own to get right."""
    text = re.sub(r"\{\{[^}]*\$value[^}]*\}\}", value, template)
    text = re.sub(r'\{\{ or \$labels\.(\w+) "([^"]*)" \}\}', lambda found: labels.get(found[1], found[2]), text)
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)


def series(name: str, **labels: str) -> str:
    """A series of the namespace that a service's cases are about."""
    return _series(name, {"namespace": "serving", **labels})


def local(name: str, **labels: str) -> str:
    """A series of the server on Docker."""
    return _series(name, {"job": "model-server", **labels})


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = [f'{key}="{value}"' for key, value in labels.items()]
    return f"{name}{{{','.join(pairs)}}}"
