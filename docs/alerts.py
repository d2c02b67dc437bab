"""The page of docs/ that lists the alerts of a whole platform."""

from collections.abc import Iterator
from typing import Any

from docs.plans import plan_of

_HEAD = """# Alerts

Generated from the PrometheusRules of prod's plan by `make docs`. Expressions and who is told are in
[monitoring](monitoring.md); each name leads to what to do.

| Alert | Severity | After | Meaning |
|---|---|---|---|
"""


def alerts_page() -> str:
    """Returns docs/alerts.md."""
    named: dict[str, list[dict[str, Any]]] = {}
    for rule in _rules():
        if "alert" in rule:
            named.setdefault(rule["alert"], []).append(rule)
    return _HEAD + "".join(_row(name, named[name]) for name in sorted(named))


def _rules() -> Iterator[dict[str, Any]]:
    for resource in plan_of("prod").resources:
        if resource.type.endswith(":PrometheusRule"):
            for group in resource.inputs["spec"]["groups"]:
                yield from group["rules"]


def _row(name: str, rules: list[dict[str, Any]]) -> str:
    """One line for all rules of a name: those of an objective's windows differ in severity and patience."""
    severities = ", ".join(sorted({rule["labels"]["severity"] for rule in rules}))
    patience = ", ".join(sorted({rule["for"] for rule in rules}, key=lambda text: int(text[:-1])))
    summary = rules[0]["annotations"]["summary"].replace("|", "&#124;")
    return f"| [{name}](runbooks/alerts.md#{name.lower()}) | {severities} | {patience} | {summary} |\n"
