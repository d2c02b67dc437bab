"""A stack as one revision of the repository has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.cost.estimate import Estimate, estimate
from infra.cost.prices import price_table
from infra.cost.terms import terms
from infra.difference import rendered
from infra.manifests.workload import delivered
from infra.policy import check as policy
from infra.preview import Resource, revision
from infra.preview.checks import check_plan
from infra.preview.manifests import manifests
from infra.preview.program import stack_plan
from infra.preview.stack_file import load


@dataclass(frozen=True, kw_only=True)
class Side:
    """What a comparison takes from a stack; a stack that is not there has nothing."""

    resources: Sequence[Resource] = ()
    manifests: Mapping[str, str] = field(default_factory=dict[str, str])
    cost: Estimate | None = None
    findings: Sequence[str] = ()
    """What checks and policies say of it; of another revision nothing is asked."""
    refused: int = 0
    """How many of these refuse the stack."""


def here(root: Path, stack: str) -> Side:
    """The stack in the working tree. Raises what `stack_plan` raises; empty where there is no such stack."""
    if not _has(root, stack):
        return Side()
    plan = stack_plan(stack, root=root)
    others = delivered(plan, root=root)
    whole = replace(plan, resources=[*plan.resources, *(file.resource for file in others)])
    checked, judged = check_plan(whole), policy.check(whole.resources)
    told = [f"{each.rule.level.value}: {each}" for each in judged.findings if each.reason is None]
    return Side(
        resources=plan.resources,
        manifests=rendered.by_object([*manifests(plan), *others]),
        cost=estimate(plan, price_table(), terms(load(root, stack))),
        findings=[*(f"check: {failure}" for failure in checked.failures), *told],
        refused=len(checked.failures) + len(judged.failures),
    )


def there(folder: Path, name: str, stack: str) -> Side:
    """The stack in the revision `name`, whose files are in `folder`. Raises `RevisionError` where its preview fails."""
    if not _has(folder, stack):
        return Side()
    plan = revision.plan_at(folder, name, stack)
    return Side(
        resources=plan.resources,
        manifests=rendered.read(revision.rendered(folder, stack)),
        cost=estimate(plan, price_table(), terms(load(folder, stack))),
    )


def stacks(*roots: Path) -> list[str]:
    """The names of the stacks that any of the folders has."""
    return sorted({file.name.split(".")[1] for root in roots for file in root.glob("Pulumi.*.yaml")})


def _has(root: Path, stack: str) -> bool:
    return (root / f"Pulumi.{stack}.yaml").is_file()
