"""What is to be asked for a stack."""

from collections.abc import Iterator
from pathlib import Path

from infra.cost.terms import terms
from infra.preflight import aws, azure, local, registries
from infra.preflight.answer import Section
from infra.preview import Plan, stack_file
from infra.preview.program import stack_plan
from infra.settings.prices import Prices


def sections(stack: str, root: Path) -> list[Section]:
    """The sections for the stack in `root`; raises as `stack_plan` does."""
    plan = stack_plan(stack, root=root)
    return list(of_plan(plan, terms(stack_file.load(root, stack)).prices))


def of_plan(plan: Plan, stated: Prices) -> Iterator[Section]:
    """This machine, each cloud of the plan, and what its clusters pull; `stated` are the stack file's prices."""
    found = (local.section(plan), aws.section(plan, stated), azure.section(plan, stated), registries.section(plan))
    yield from (section for section in found if section)
