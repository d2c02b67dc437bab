"""The rules over the stacks that ship: both keep them, and a violation that is put there is found."""

from collections import Counter

import pytest

from infra.policy import exemptions
from infra.policy.check import check
from infra.policy.rules import RULES
from infra.policy.rules.tags import UNTAGGABLE
from infra.preview import Plan
from infra.preview.sdk import args_class, input_properties, resource_class
from tests.infra.policy.conftest import STACKS
from tests.infra.policy.plants import PLANTS, Plant

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_that_ships_breaks_no_rule(plans: dict[str, Plan], name: str) -> None:
    found = check(plans[name].resources)

    assert [str(finding) for finding in found.findings if finding.reason is None] == []


def test_every_rule_has_something_to_judge(plans: dict[str, Plan]) -> None:
    judged = Counter[str]()
    for plan in plans.values():
        judged += check(plan.resources).judged

    assert set(judged) == {rule.name for rule in RULES}


def test_every_exemption_is_still_needed(plans: dict[str, Plan]) -> None:
    found = [finding for plan in plans.values() for finding in check(plan.resources, exempt=()).findings]

    listed = exemptions.load()
    needed = {
        each for each in listed if any(exemptions.reason([each], one.rule.name, one.resource.name) for one in found)
    }
    assert needed == set(listed)
    assert [str(one) for one in found if not exemptions.reason(listed, one.rule.name, one.resource.name)] == []


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_violation_is_found(plans: dict[str, Plan], plant: Plant) -> None:
    resources = plans[plant.stack].resources
    rules = [rule for rule in RULES if rule.name == plant.rule]

    before = check(resources, rules).findings
    after = check(plant.planted(resources), rules).findings

    assert [finding for finding in before if finding.reason is None] == []
    assert [finding for finding in after if finding.reason is None] != []


def test_only_resources_that_azure_cannot_tag_have_no_tags(plans: dict[str, Plan]) -> None:
    types = {each.type for plan in plans.values() for each in plan.resources if each.type.startswith("azure-native:")}

    assert {each for each in types | UNTAGGABLE if not has_tags(each)} == UNTAGGABLE


def has_tags(token: str) -> bool:
    """Whether the SDK's type has tags for the resource of that token."""
    owner = resource_class(token)
    args = args_class(owner) if owner else None
    assert args, token
    return "tags" in input_properties(args)
