"""The plan: every resource the program registered, in an order in which it could be applied."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.preview.wire import Plain


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource; inputs and outputs under wire names, with markers, secrets masked."""

    urn: str
    type: str
    name: str
    parent: str | None
    provider: str | None
    custom: bool
    inputs: Mapping[str, Plain]
    outputs: Mapping[str, Plain]
    dependencies: Sequence[str]
    property_dependencies: Mapping[str, Sequence[str]]
    options: Mapping[str, Plain] = field(default_factory=dict[str, Plain])
    """The resource options that were set, under wire names: protect, ignoreChanges, aliases, ..."""

    @property
    def protect(self) -> bool:
        """Whether `destroy` refuses to delete it."""
        return bool(self.options.get("protect"))

    @property
    def ignore_changes(self) -> list[str]:
        """The input paths whose drift is left alone."""
        return self.options.get("ignoreChanges", [])

    @property
    def aliases(self) -> list[Plain]:
        """The names it had before."""
        return self.options.get("aliases", [])

    @property
    def additional_secret_outputs(self) -> list[str]:
        """The outputs that are secret whatever the inputs are."""
        return self.options.get("additionalSecretOutputs", [])

    @property
    def package(self) -> str:
        """The provider's name: aws, kubernetes; for a provider itself its own."""
        return self.type.rpartition(":")[2] if self.is_provider else self.type.partition(":")[0]

    @property
    def is_provider(self) -> bool:
        """Whether it is an explicit provider."""
        return self.type.startswith("pulumi:providers:")

    @property
    def provider_name(self) -> str:
        """The logical name of its provider; `default` where the program passed none."""
        return urn_name(self.provider) if self.provider else "default"

    def to_json(self) -> dict[str, Plain]:
        """Return the plan's entry: the seven keys that are always there, then the options that were set."""
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "parent": self.parent,
            "provider": self.provider,
            "inputs": self.inputs,
            "dependencies": list(self.dependencies),
            **{key: self.options[key] for key in sorted(self.options)},
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `up` would register and export."""

    project: str
    stack: str
    resources: Sequence[Resource]
    exports: Mapping[str, Plain]
    warnings: Sequence[str] = ()

    def of_type(self, token: str) -> list[Resource]:
        """Return the resources of type `token`, in plan order."""
        return [resource for resource in self.resources if resource.type == token]

    def one(self, token: str, name: str | None = None) -> Resource:
        """Return the only resource of type `token` (and `name`); raise `LookupError` unless there is exactly one."""
        found = [resource for resource in self.of_type(token) if name in (None, resource.name)]
        if len(found) != 1:
            names = ", ".join(sorted(resource.name for resource in self.of_type(token))) or "none"
            raise LookupError(f"wanted one {token} {name or ''}, found {len(found)}; of that type: {names}")
        return found[0]

    def by_urn(self, urn: str) -> Resource:
        """Return the resource with that URN; raise `LookupError` when there is none."""
        for resource in self.resources:
            if resource.urn == urn:
                return resource
        raise LookupError(f"no resource has the URN {urn}")


def urn_name(urn: str) -> str:
    """Return the logical name in a URN."""
    return urn.split("::", 3)[3]


def in_order(resources: Iterable[Resource]) -> list[Resource]:
    """Sort so that each resource follows its parent, provider and dependencies; the name decides between equals."""
    by_urn = {resource.urn: resource for resource in resources}
    waits = {urn: needs(resource) & by_urn.keys() for urn, resource in by_urn.items()}
    followers: dict[str, list[str]] = {urn: [] for urn in by_urn}
    for urn, needed in waits.items():
        for each in needed:
            followers[each].append(urn)
    ready = [(by_urn[urn].name, urn) for urn, needed in waits.items() if not needed]
    heapq.heapify(ready)
    ordered: list[Resource] = []
    while ready:
        _, urn = heapq.heappop(ready)
        ordered.append(by_urn[urn])
        for follower in followers[urn]:
            waits[follower] = waits[follower] - {urn}
            if not waits[follower]:
                heapq.heappush(ready, (by_urn[follower].name, follower))
    return ordered


def needs(resource: Resource) -> set[str]:
    """Return the URNs of all that `resource` follows: its parent, provider and dependencies."""
    by_property = (urn for urns in resource.property_dependencies.values() for urn in urns)
    owners = {urn for urn in (resource.parent, resource.provider) if urn}
    return {*resource.dependencies, *by_property, *owners} - {resource.urn}
