"""Each rule as a policy of the engine's: for one resource before it is made, or for the stack once it is known."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from infra.policy import exemptions
from infra.policy.check import broken, remedy, told
from infra.policy.exemptions import Exemption
from infra.policy.rule import UNKNOWN, Judged, Plain, Rule, StackRule
from infra.policy.rules import RULES


@dataclass(frozen=True)
class Given:
    """A resource as the engine hands it over; its inputs are read when a rule asks for them."""

    handed: ResourceValidationArgs | PolicyResource

    @property
    def urn(self) -> str:
        """Unique in the stack."""
        return self.handed.urn

    @property
    def type(self) -> str:
        """The token."""
        return self.handed.resource_type

    @property
    def name(self) -> str:
        """The logical name."""
        return self.handed.name

    @property
    def protect(self) -> bool:
        """Whether `destroy` refuses to delete it."""
        return self.handed.opts.protect

    @cached_property
    def inputs(self) -> Mapping[str, Plain]:
        """Its inputs; in a policy of the whole stack its outputs, which repeat them."""
        return plain(self.handed.props)

    @cached_property
    def property_dependencies(self) -> Mapping[str, Sequence[str]]:
        """Known to policies of the whole stack only."""
        found: Mapping[str, Any] = getattr(self.handed, "property_dependencies", {})
        return {key: [resource.urn for resource in resources] for key, resources in found.items()}


def plain(value: Plain) -> Plain:
    """Copy what the engine hands over, with a marker for each value that only `up` knows."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(value, index) for index in range(len(value))]
    return value


def _known(container: Plain, key: Any) -> Plain:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def policies(rules: Iterable[Rule] = RULES, exempt: Collection[Exemption] | None = None) -> list[Policy]:
    """Return a policy for each rule; `exempt` are those of `exemptions.yaml` unless given."""
    exempt = exemptions.load() if exempt is None else exempt
    return [_policy(rule, exempt) for rule in rules]


def _policy(rule: Rule, exempt: Collection[Exemption]) -> Policy:
    def report(resource: Judged, stack: Sequence[Judged], violate: ReportViolation) -> None:
        if rule.judges(resource) and not exemptions.reason(exempt, rule.name, resource.name):
            for violation in broken(rule, resource, stack):
                violate(f"{told(violation)}. {remedy(rule)}", resource.urn)

    def resource(args: ResourceValidationArgs, violate: ReportViolation) -> None:
        report(Given(args), (), violate)

    def stack(args: StackValidationArgs, violate: ReportViolation) -> None:
        everything = [Given(each) for each in args.resources]
        for each in everything:
            report(each, everything, violate)

    about: dict[str, Any] = {
        "name": rule.name,
        "description": rule.demands,
        "enforcement_level": EnforcementLevel(rule.level.value),
        "remediation_steps": rule.fix,
        "url": rule.source,
    }
    if isinstance(rule, StackRule):
        return StackValidationPolicy(validate=stack, **about)
    return ResourceValidationPolicy(validate=resource, **about)
