"""The drawn architecture is the plan's."""

import re

import pytest

from docs.architecture import UNDRAWN, Parts, parts, picture
from infra.preview.program import stack_plan


@pytest.fixture(scope="module")
def dev() -> Parts:
    return parts(stack_plan("dev"))


def test_each_component_has_a_box_of_its_own(dev: Parts) -> None:
    boxes = re.findall(r"^    (\w+)\[", picture(dev), re.MULTILINE)

    assert len(boxes) == len(set(boxes)) == len(dev.components) >= 15


def test_what_is_not_drawn_hides_no_wait(dev: Parts) -> None:
    arrows = set(re.findall(r"^    (\w+) --> (\w+)$", picture(dev), re.MULTILINE))

    assert ("eks_EksCluster", "eks_keda_Keda") in arrows  # through a provider
    assert ("eks_keda_Keda", "eks_model_server_ModelServer") in arrows
    assert ("eks_EksCluster", "eks_model_server_ModelServer") not in arrows  # follows from others
    assert not any(each.type.startswith(UNDRAWN) for each in dev.components.values())
