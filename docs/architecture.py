"""The page of docs/ that draws what a stack is made of, from its plan."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from docs.plans import plan_of
from infra.preview.plan import Plan, Resource, needs

_HEAD = """# Architecture

Generated from the plans of dev and prod by `make docs`. Each box is a component with the number of its resources; an
arrow leads to what waits for it, without those that follow from others. Namespaces and providers are left out.

"""
_PROD = """
prod has the same components and more:

| Component | How many | Resources |
|---|---:|---:|
"""

STACK = "pulumi:pulumi:Stack"
UNDRAWN = ("pulumi:providers:", "inference:namespaces:", "azure-native:")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The components right below the stack by URN, whose each resource is, and what each component waits for."""

    components: Mapping[str, Resource]
    sizes: Mapping[str, int]
    waits: Mapping[str, set[str]]


def architecture_page() -> str:
    """Returns docs/architecture.md."""
    return f"{_HEAD}```mermaid\n{picture(parts(plan_of('dev')))}```\n{_PROD}{_table(parts(plan_of('prod')))}"


def parts(plan: Plan) -> Parts:
    """What a stack's components are, and how they hang together."""
    by_urn = {resource.urn: resource for resource in plan.resources}
    owners = {urn: _owner(resource, by_urn) for urn, resource in by_urn.items() if resource.type != STACK}
    drawn = {urn for urn in owners.values() if not by_urn[urn].type.startswith(UNDRAWN)}
    direct: dict[str, set[str]] = {urn: set() for urn in owners.values()}
    for urn, owner in owners.items():
        direct[owner] |= {owners[each] for each in needs(by_urn[urn]) & owners.keys()} - {owner}
    return Parts(
        components={urn: by_urn[urn] for urn in sorted(drawn)},
        sizes=Counter(owners.values()),
        waits={urn: _nearest(urn, direct, drawn) for urn in sorted(drawn)},
    )


def picture(found: Parts) -> str:
    """A flowchart in Mermaid (https://mermaid.js.org/syntax/flowchart.html)."""
    boxes = [
        f'    {_box(each)}["{_kind(each)}<br/>{each.name}, {found.sizes[urn]}"]\n'
        for urn, each in found.components.items()
    ]
    arrows = [
        f"    {_box(found.components[first])} --> {_box(found.components[urn])}\n"
        for urn, waits in found.waits.items()
        for first in sorted(_direct(waits, found.waits))
    ]
    return "".join(["flowchart LR\n", *boxes, *arrows])


def _owner(resource: Resource, by_urn: Mapping[str, Resource]) -> str:
    while resource.parent and by_urn[resource.parent].type != STACK:
        resource = by_urn[resource.parent]
    return resource.urn


def _nearest(urn: str, direct: Mapping[str, set[str]], drawn: set[str]) -> set[str]:
    """What is drawn of what a component waits for, through what is not."""
    found: set[str] = set()
    seen, left = {urn}, set(direct[urn])
    while left - seen:
        each = (left - seen).pop()
        seen.add(each)
        if each in drawn:
            found.add(each)
        else:
            left |= direct[each]
    return found


def _direct(waits: set[str], all_waits: Mapping[str, set[str]]) -> set[str]:
    """Those that no other one of `waits` waits for as well."""
    return {each for each in waits if not any(_follows(other, each, all_waits) for other in waits - {each})}


def _follows(urn: str, earlier: str, waits: Mapping[str, set[str]]) -> bool:
    return earlier in waits[urn] or any(_follows(each, earlier, waits) for each in waits[urn])


def _table(found: Parts) -> str:
    count, resources = Counter[str](), Counter[str]()
    for urn, each in found.components.items():
        count[_kind(each)] += 1
        resources[_kind(each)] += found.sizes[urn]
    return "".join(f"| {kind} | {count[kind]} | {resources[kind]} |\n" for kind in sorted(count))


def _kind(resource: Resource) -> str:
    return resource.type.rpartition(":")[2]


def _box(resource: Resource) -> str:
    return f"{resource.name}_{_kind(resource)}".replace("-", "_")
