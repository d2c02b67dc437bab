import json
from typing import Any

import pytest

from infra.difference.change import Action, Change, changes, differing
from infra.preview import Resource


def resource(name: str, inputs: dict[str, Any], type_: str = "aws:s3/bucket:Bucket", **options: Any) -> Resource:
    return Resource(
        urn=f"urn:pulumi:dev::inference-platform::{type_}::{name}",
        type=type_,
        name=name,
        parent=None,
        provider="urn:aws",
        custom=not type_.startswith("inference:"),
        inputs=inputs,
        outputs={},
        dependencies=[],
        property_dependencies={},
        options=options,
    )


def told(found: list[Change]) -> list[tuple[Action, str]]:
    return [(change.action, change.resource.name) for change in found]


def edited(old: Resource, new: Resource) -> Change:
    (change,) = changes([old], [new])
    return change


def test_resources_come_change_and_go_in_the_order_in_which_up_does_it() -> None:
    before = [resource(name, {"bucket": name}) for name in ("first", "same", "second")]
    after = [
        resource("new", {}),
        resource("same", {"bucket": "same"}),
        resource("first", {"bucket": "first", "tags": {}}),
    ]

    assert told(changes(before, after)) == [
        (Action.CREATE, "new"),
        (Action.UPDATE, "first"),
        (Action.DELETE, "second"),
    ]


def test_equal_plans_have_no_difference() -> None:
    plan = [resource("a", {"bucket": "a"}, protect=True)]

    assert changes(plan, plan) == []


def test_components_are_not_told() -> None:
    assert changes([], [resource("eks", {}, "inference:clusters:EksCluster")]) == []


def test_an_edit_names_the_path_and_both_values() -> None:
    old, new = resource("a", {"tags": {"x": "1"}, "old": True}), resource("a", {"tags": {"x": "2"}, "list": [1]})

    assert [(edit.path, edit.before, edit.after) for edit in edited(old, new).edits] == [
        ("list", None, [1]),
        ("old", True, None),
        ("tags.x", "1", "2"),
    ]


def test_a_policy_in_a_text_is_compared_by_what_it_says() -> None:
    old, new = ({"policy": json.dumps({"Statement": [{"Effect": effect}]})} for effect in ("Allow", "Deny"))

    (edit,) = edited(resource("a", old), resource("a", new)).edits

    assert (edit.path, edit.before, edit.after) == ("policy.Statement[0].Effect", "Allow", "Deny")


def test_what_is_left_to_others_is_no_change() -> None:
    old, new = ({"scalingConfig": {"desiredSize": size}} for size in (1, 2))
    ignored = ["scalingConfig.desiredSize"]

    assert changes([resource("a", old, ignoreChanges=ignored)], [resource("a", new, ignoreChanges=ignored)]) == []


def test_protection_that_is_lifted_is_a_change() -> None:
    (edit,) = edited(resource("a", {}, protect=True), resource("a", {})).edits

    assert (edit.path, edit.before, edit.after) == ("option protect", True, None)


@pytest.mark.parametrize(
    ("type_", "old", "new", "options"),
    [
        ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["a"]}, {"instanceTypes": ["b"]}, {}),
        ("aws:s3/bucket:Bucket", {"name": "a"}, {"name": "b"}, {}),
        ("aws:sagemaker/model:Model", {"executionRoleArn": "a"}, {"executionRoleArn": "b"}, {}),
        ("kubernetes:core/v1:Service", {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, {}),
        ("azure-native:x:Y", {"resourceGroupName": "a"}, {"resourceGroupName": "b"}, {}),
        (
            "docker:x:Y",
            {"ports": [{"internal": 1}]},
            {"ports": [{"internal": 2}]},
            {"replaceOnChanges": ["ports[*].internal"]},
        ),
        ("docker:x:Y", {"image": "a"}, {"image": "b"}, {"replaceOnChanges": ["*"]}),
    ],
)
def test_what_cannot_change_in_place_is_replaced(
    type_: str, old: dict[str, Any], new: dict[str, Any], options: dict[str, Any]
) -> None:
    change = edited(resource("a", old, type_, **options), resource("a", new, type_, **options))

    assert change.action is Action.REPLACE
    assert [edit.replaces for edit in change.edits] == [True]


def test_what_can_change_in_place_is_updated() -> None:
    for type_, key in [("aws:eks/nodeGroup:NodeGroup", "labels"), ("kubernetes:core/v1:Service", "spec")]:
        assert edited(resource("a", {key: "1"}, type_), resource("a", {key: "2"}, type_)).action is Action.UPDATE


def test_lists_of_another_length_differ_as_a_whole() -> None:
    assert differing({"a": [1, 2], "b": [1]}, {"a": [1, 2, 3], "b": [2]}) == ["a", "b[0]"]
