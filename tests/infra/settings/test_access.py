import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.access import AccessSettings
from infra.settings.messages import line
from infra.settings.serving import ServingSettings


def read(**block: object) -> AccessSettings:
    return AccessSettings.model_validate_json(json.dumps(block))


def test_nobody_has_rights_who_is_not_named() -> None:
    assert ServingSettings.model_validate({}).access == AccessSettings(viewers=(), deployers=())


def test_a_group_that_views_and_deploys_is_one_group() -> None:
    assert read(viewers=["a", "b"], deployers=["b", "c"]).groups == ("a", "b", "c")


@pytest.mark.parametrize(
    "group", ["ml-viewers", "33333333-3333-3333-3333-333333333333", "oidc:ml/team", "ml@example.com"]
)
def test_a_group_is_named_as_the_cluster_knows_it(group: str) -> None:
    assert read(viewers=[group]).viewers == (group,)


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"viewers": ["system:authenticated"]},
         "viewers.0 must not begin with system:, Kubernetes' own groups; name a group of people, got "
         "system:authenticated"),
        ({"deployers": ["ml", "system:masters"]},
         "deployers.1 must not begin with system:, Kubernetes' own groups; name a group of people, got system:masters"),
        ({"deployers": ["ml", "ml"]}, 'deployers must name each once, got ["ml", "ml"]'),
        ({"viewers": ["*"]}, "viewers.0 must match ^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$, got *"),
        ({"viewers": "ml"}, "viewers must be a list, got ml"),
        ({"admins": ["ml"]}, "admins is not a setting; known here: deployers, viewers"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_write(block: Any, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(**block)

    assert [line(error, AccessSettings) for error in refused.value.errors()] == [told]
