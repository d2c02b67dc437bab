"""The plans that pages are drawn from, each made once."""

from functools import cache

from infra.preview import Plan
from infra.preview.program import stack_plan


@cache
def plan_of(stack: str) -> Plan:
    """What `up` of the stack would make."""
    return stack_plan(stack)
