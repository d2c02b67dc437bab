"""Findings as lines for people and as JSON for programs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from infra.audit.leftover import Findings, Leftover


def lines(findings: Findings, title: str, now: datetime | None = None) -> Iterator[str]:
    """What counts, then what goes by itself, then where nobody could look."""
    now = now or datetime.now(UTC)
    counted = [each for each in findings.leftovers if not each.ends]
    for each in sorted(counted, key=lambda each: (each.kind, each.name)):
        yield f"{each.kind}  {each.name}  {age(each, now)}"
        yield f"    {each.reason}"
        yield f"    {each.remove}"
    for each in findings.leftovers:
        if each.ends:
            yield f"{each.kind}  {each.name}: {each.ends}"
    for unseen in findings.unseen:
        yield f"not looked at, {unseen.place}: {unseen.came}; {unseen.fix}"
    yield f"{title}: {_sum(len(counted), len(findings.unseen))}"


def document(findings: Findings) -> str:
    """The same as JSON: `leftovers` and `unseen`."""
    leftovers = [
        {
            "kind": each.kind,
            "name": each.name,
            "created": each.created.isoformat() if each.created else None,
            "reason": each.reason,
            "remove": each.remove,
            "ends": each.ends,
        }
        for each in findings.leftovers
    ]
    unseen = [{"place": each.place, "came": each.came, "fix": each.fix} for each in findings.unseen]
    return json.dumps({"leftovers": leftovers, "unseen": unseen}, indent=2)


def age(each: Leftover, now: datetime) -> str:
    """How long it has been there, in its largest unit; a dash where the cloud does not say."""
    if each.created is None:
        return "-"
    since = now - each.created
    if since < timedelta(hours=1):
        return f"{since // timedelta(minutes=1)} min"
    return f"{since // timedelta(hours=1)} h" if since < timedelta(days=2) else f"{since.days} days"


def _sum(count: int, unseen: int) -> str:
    if unseen:
        return f"{count} left where one could look, and {unseen} not looked at"
    return f"{count} left" if count else "nothing left"
