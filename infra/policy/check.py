"""The rules over a whole stack, and what a preview says about it."""

import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from infra.policy import exemptions
from infra.policy.exemptions import Exemption
from infra.policy.rule import Judged, Level, Rule, StackRule, Violation
from infra.policy.rules import RULES

WIDTH = 80


@dataclass(frozen=True)
class Finding:
    """A resource that breaks a rule; `reason` says why it may."""

    rule: Rule
    resource: Judged
    violation: Violation
    reason: str | None = None

    def __str__(self) -> str:
        subject = f"{self.resource.type} {self.resource.name}"
        return f"{subject}: {told(self.violation)}. {self.rule.demands} {remedy(self.rule)} ({self.rule.name})"


@dataclass(frozen=True)
class Found:
    """The outcome: how many resources each rule judged, and what it found."""

    judged: Counter[str] = field(default_factory=Counter[str])
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def failures(self) -> list[Finding]:
        """The violations that refuse the stack."""
        return [each for each in self.findings if each.reason is None and each.rule.level is Level.MANDATORY]


def check(stack: Sequence[Judged], rules: Iterable[Rule] = RULES, exempt: Collection[Exemption] | None = None) -> Found:
    """Judge every resource of a stack; `exempt` are those of `exemptions.yaml` unless given."""
    exempt = exemptions.load() if exempt is None else exempt
    found = Found()
    for rule in rules:
        for resource in filter(rule.judges, stack):
            found.judged[rule.name] += 1
            reason = exemptions.reason(exempt, rule.name, resource.name)
            found.findings.extend(Finding(rule, resource, each, reason) for each in broken(rule, resource, stack))
    return found


def broken(rule: Rule, resource: Judged, stack: Sequence[Judged]) -> Iterator[Violation]:
    """Yield what `rule` finds wrong with one resource of a stack."""
    yield from rule.compare(resource, stack) if isinstance(rule, StackRule) else rule.check(resource)


def told(violation: Violation) -> str:
    """Return what is wrong: the path and the value."""
    value = "absent" if violation.value is None else textwrap.shorten(repr(violation.value), WIDTH, placeholder="...")
    return f"{violation.path} is {value}"


def remedy(rule: Rule) -> str:
    """Return what to do, and where the reason is written."""
    return f"To fix it, {rule.fix}: {rule.source}"


def report(found: Found) -> Iterator[str]:
    """Yield the lines of a preview: what was judged, what is exempt and why, what is wrong."""
    yield f"{len(found.judged)} of {len(RULES)} rules judged {found.judged.total()} times"
    exempt = {(each.rule.name, each.resource.name): each.reason for each in found.findings if each.reason}
    yield from (f"exempt: {name} of {rule}: {reason}" for (rule, name), reason in exempt.items())
    open_ = (each for each in found.findings if each.reason is None)
    yield from (f"{each.rule.level.value}: {each}" for each in open_)
