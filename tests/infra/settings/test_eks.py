import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.eks import EksSettings
from infra.settings.messages import line

ROLE = "arn:aws:iam::111122223333:role"
PATTERN = "^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$"


def read(**changes: object) -> EksSettings:
    block = {
        "kubernetesVersion": "1.36",
        "deployers": [f"{ROLE}/deployer"],
        "gpuPools": {"spot": {"instanceTypes": ["g6.xlarge"], "max": 1}},
    }
    return EksSettings.model_validate_json(json.dumps({**block, **changes}))


def test_without_groups_only_deployers_get_in() -> None:
    assert read().members == {}


def test_whoever_is_in_several_groups_has_them_all() -> None:
    groups = {"viewers": [f"{ROLE}/a", f"{ROLE}/b"], "deployers": [f"{ROLE}/b"]}

    assert read(groups=groups).members == {f"{ROLE}/a": ["viewers"], f"{ROLE}/b": ["viewers", "deployers"]}


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"viewers": [f"{ROLE}/deployer"]},
         f"groups.viewers must not have {ROLE}/deployer: as a deployer it has every right already"),
        ({"viewers": []}, "groups.viewers must have at least 1 items, got 0"),
        ({"viewers": ["people"]}, f"groups.viewers.0 must match {PATTERN}, got people"),
        ({"viewers": [f"{ROLE}/a", f"{ROLE}/a"]},
         f'groups.viewers must name each once, got ["{ROLE}/a", "{ROLE}/a"]'),
        ({"system:masters": [f"{ROLE}/a"]},
         "groups.system:masters must not begin with system:, Kubernetes' own groups; name a group of people, got "
         "system:masters"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_write(groups: Any, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(groups=groups)

    assert told in [line(error, EksSettings) for error in refused.value.errors()]
