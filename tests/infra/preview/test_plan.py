import random

import pytest

from infra.preview import Plan, Resource
from infra.preview.plan import in_order


def resource(name: str, *needs: str, parent: str | None = None, type_: str = "a:b:C") -> Resource:
    return Resource(
        urn=f"urn:pulumi:test::p::{type_}::{name}",
        type=type_,
        name=name,
        parent=parent and f"urn:pulumi:test::p::a:b:C::{parent}",
        provider=None,
        custom=True,
        inputs={},
        outputs={},
        dependencies=[f"urn:pulumi:test::p::a:b:C::{need}" for need in needs],
        property_dependencies={},
    )


def test_a_resource_follows_what_it_needs_and_names_decide_between_equals() -> None:
    resources = [resource("a", "z"), resource("b"), resource("c", parent="a"), resource("z"), resource("d", "c", "b")]

    orders = {tuple(item.name for item in in_order(random.Random(i).sample(resources, 5))) for i in range(20)}

    assert orders == {("b", "z", "a", "c", "d")}


def test_one_resource_is_found_by_type_and_name() -> None:
    plan = Plan(
        project="p", stack="s", resources=[resource("a"), resource("b"), resource("a", type_="x:y:Z")], exports={}
    )

    assert plan.one("a:b:C", name="b").name == "b"
    assert plan.one("x:y:Z").type == "x:y:Z"
    with pytest.raises(LookupError, match="found 2; of that type: a, b"):
        plan.one("a:b:C")
