"""What a preview prints: the tree, the counts, the exports, the checks, the values still open."""

import shlex
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import yaml

from infra.preview.checks import Checked, short_type
from infra.preview.manifests import RELEASE, Manifest
from infra.preview.markers import MARKER, SECRET_PATH, holds_secret, markers_in
from infra.preview.plan import Plan, Resource
from infra.preview.wire import Plain

WIDTH = 120
MANY = 3
"""Siblings of one type beyond this number share a line."""


def report(
    plan: Plan, checked: Checked, files: list[Manifest], judged: Mapping[str, Iterable[str]] | None = None
) -> Iterator[str]:
    """Yield the lines of the whole report; `judged` are further sections, lines by title."""
    yield from _section("Resources", tree(plan))
    yield from _section("Counts", counts(plan))
    yield from _section("Exports after `up`", exports(plan))
    yield from _section("Checks", checks(checked))
    for title, lines in (judged or {}).items():
        yield from _section(title, lines)
    yield from _section("Known only after `up`, in the manifests", open_values(plan, files))
    yield from _section("To apply by hand, in this order", steps(files))
    yield from _section("Failed checks", (str(failure) for failure in checked.failures))


def tree(plan: Plan) -> Iterator[str]:
    """Yield the resources under the components that own them."""
    children: defaultdict[str | None, list[Resource]] = defaultdict(list)
    for resource in plan.resources:
        children[resource.parent].append(resource)
    yield f"{plan.project} {plan.stack}"
    yield from _branches(children, None, "")


def counts(plan: Plan) -> Iterator[str]:
    """Yield the number of resources by provider, components apart."""
    by_package = Counter(
        resource.package for resource in plan.resources if resource.custom and not resource.is_provider
    )
    by_package["(explicit providers)"] = sum(resource.is_provider for resource in plan.resources)
    by_package["(components)"] = sum(not resource.custom for resource in plan.resources)
    rows = sorted((name, count) for name, count in by_package.items() if count)
    yield from _table([(name, str(count)) for name, count in [*rows, ("all", len(plan.resources))]])


def exports(plan: Plan) -> Iterator[str]:
    """Yield the stack's exports as YAML."""
    if plan.exports:
        yield from yaml.safe_dump(dict(plan.exports), sort_keys=True, width=1000, allow_unicode=True).splitlines()


def checks(checked: Checked) -> Iterator[str]:
    """Yield each kind with its count and check, then the reasons why some have none."""
    reasons = list(dict.fromkeys(kind.reason for kind in checked.kinds if kind.reason))
    notes = {reason: f" [{number}]" for number, reason in enumerate(reasons, start=1)} | {"": ""}
    rows = [(kind.provider, kind.name, str(kind.count), kind.check + notes[kind.reason]) for kind in checked.kinds]
    yield from _table(rows)
    yield from (f"[{number}] {reason}" for number, reason in enumerate(reasons, start=1))


def open_values(plan: Plan, files: list[Manifest]) -> Iterator[str]:
    """Yield the option that fills each marker in the manifests, and how many secrets they leave out."""
    for marker in sorted({marker for file in files for marker in markers_in(file.document)}):
        match = MARKER.fullmatch(marker)
        if match and match["path"] != SECRET_PATH:
            keys = _keys(plan, marker, match["path"])
            yield "--set " + " or ".join(shlex.quote(f"output.{key}={match['type'].upper()}") for key in keys)
    secret = sum(holds_secret(file.document) for file in files)
    if secret:
        yield f"secrets are left out of {secret} of the files: `up` alone has them"


def steps(files: list[Manifest]) -> Iterator[str]:
    """Yield runs of objects to apply, and between them the charts, each with its command in its file's first line."""
    for (_, is_chart), group in groupby(files, key=lambda file: (file.path.parts[0], file.resource.type == RELEASE)):
        run = [str(file.path) for file in group]
        if is_chart:
            yield from (f"helm     {path}" for path in run)
        else:
            yield f"kubectl  {run[0]}" + (f" to {run[-1]}" if len(run) > 1 else "")


def _keys(plan: Plan, marker: str, path: str) -> list[str]:
    """Return the keys that fill a marker: more than one where resources share a name and an output."""
    namesakes = [resource for resource in plan.resources if path.startswith(f"{resource.name}.")]
    owners = [resource for resource in namesakes if marker in markers_in(resource.outputs)]
    return [f"{owner.type}::{path}" for owner in owners] if len(owners) > 1 else [path]


def _branches(children: Mapping[str | None, list[Resource]], parent: str | None, indent: str) -> Iterator[str]:
    own = children.get(parent, [])
    leaves = [resource for resource in own if resource.urn not in children]
    groups = [list(group) for _, group in groupby(sorted(leaves, key=_type), key=_type)]
    entries: list[list[Resource]] = [[resource] for resource in own if resource.urn in children]
    for group in groups:
        entries += [group] if len(group) > MANY else [[resource] for resource in group]
    for number, entry in enumerate(entries, start=1):
        last = number == len(entries)
        yield from _entry(entry, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
        if len(entry) == 1:
            yield from _branches(children, entry[0].urn, indent + ("   " if last else "│  "))


def _entry(group: list[Resource], first: str, after: str) -> Iterator[str]:
    flags = " [protected]" if all(resource.protect for resource in group) else ""
    names = ", ".join(resource.name for resource in group)
    many = f" x {len(group)}" if len(group) > 1 else ""
    text = f"{_type(group[0])}{many}  {names}{flags}"
    wrapper = textwrap.TextWrapper(WIDTH, first, after + "    ", break_long_words=False, break_on_hyphens=False)
    yield from wrapper.wrap(text)


def _type(resource: Resource) -> str:
    return short_type(resource.type)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    shown = [f"  {line}" for line in lines]
    if shown:
        yield from ("", title, *shown)


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def plain_plan(plan: Plan) -> list[dict[str, Plain]]:
    """Return the plan as JSON values, in order."""
    return [resource.to_json() for resource in plan.resources]
