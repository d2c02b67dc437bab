"""The stack that ships, asked of both clouds whole."""

import json

import pytest

from infra.preflight import stack
from infra.preflight.answer import Answer, Status
from infra.preflight.azure import spot
from infra.preview import Plan
from tests.infra.preflight.clouds import Amazon, Microsoft, recorded
from tests.infra.preflight.conftest import Ask
from tests.infra.test_stacks import preview
from tests.loopback import Loopback, Response

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prod() -> Plan:
    return preview("prod")


@pytest.fixture
def answers(
    prod: Plan, amazon: Amazon, microsoft: Microsoft, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Answer]:
    amazon.quotas["L-3819A6DF"] = 40  # 2 + 6 nodes of 4 vCPUs, and 8 of others
    with Loopback(lambda _: Response(body=json.dumps(recorded("prices")).encode())) as server:
        monkeypatch.setattr(spot, "PRICES", server.url)
        sections = {section.title: section for section in stack.of_plan(prod, {})}
        found = {**ask(sections["AWS eu-west-1"]), **ask(sections["Azure northeurope"])}
    assert microsoft.calls
    return found


def test_every_question_of_prod_has_an_answer(answers: dict[str, Answer]) -> None:
    assert {asked: answer.found for asked, answer in answers.items() if answer.status is Status.UNKNOWN} == {}
    assert len(answers) > 30


def test_prod_fits_the_clouds_that_the_documentation_describes(answers: dict[str, Answer]) -> None:
    found = {status: {asked for asked, answer in answers.items() if answer.status is status} for status in Status}

    assert found[Status.FAILED] == set()
    assert answers["quota L-3819A6DF, Spot G and VT"].found == "32 vCPUs needed, the quota is 40, others use 8"
    assert found[Status.WARNING] >= {"spot price of g4dn.xlarge"}


def test_prod_pulls_charts_and_images(prod: Plan) -> None:
    (section,) = [each for each in stack.of_plan(prod, {}) if each.title == "Charts and images"]

    asked = [question.asked.split()[:2] for question in section.questions]
    assert ["chart", "keda"] in asked
    assert ["chart", "karpenter"] in asked
    assert any(kind == "image" and name.startswith("postgres") for kind, name in asked)
